// Records and segments as a hostile disk gives them. First octet 1..6: the rest is decoded as a record of
// that type; what decodes encodes to the same octets. Otherwise the input is a list of harms done to a sound
// spool (which octets, to what; a cut; junk behind the end): recovery never fails, invents nothing, and loses
// no message whose octets were not touched.
#include "daemon/spool/frame.h"
#include "fuzz_input.h"
#include "tests/spool/rig.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace spool = posthouse::spool;
namespace test = posthouse::spool::test;
using posthouse::fuzz::require;

namespace {

struct Original {
    spool::StoredPtr message;
    std::size_t from = 0, to = 0;  // in the segment
};

struct Sound {
    std::string segment;
    std::string manifest;
    std::map<std::uint64_t, Original> messages;
};

// The same for every input: made once.
const Sound& sound() {
    static const Sound made = [] {
        Sound result;
        test::FaultFs files;
        test::Rig rig(files);
        require(rig.open(), "a new spool opens");
        for (std::uint64_t id = 1; id <= 6; ++id) {
            Original original;
            original.message = test::make_message(id, 150 * id, id % 3 + 1);
            const test::Done done = rig.accept(original.message);
            rig.commit();
            original.from = (*done)->value().offset;
            result.messages[id] = original;
            rig.append(test::make_outcome(id, 0, spool::RecipientState::Pending), spool::Durability::Synced);
            rig.commit();
        }
        rig.close();
        result.segment = files.contents(rig.layout.segment(1));
        result.manifest = files.contents(rig.layout.manifest);
        for (auto& [id, original] : result.messages) {
            std::string meta;
            spool::append_accepted(meta, original.message->accepted);
            original.to =
                original.from + spool::kFrameHeaderSize + meta.size() + original.message->content.size();
        }
        return result;
    }();
    return made;
}

void decode(spool::RecordType type, std::string_view bytes) {
    const auto record = spool::decode_record(type, bytes);
    static_cast<void>(spool::peek_accepted(type, bytes));
    static_cast<void>(spool::decode_segment_header(bytes));
    if (record) {
        std::string again;
        spool::append_record(again, *record);
        require(again == bytes, "what decodes encodes to the same octets");
    }
}

void recover(std::string_view harms) {
    std::string bytes = sound().segment;
    std::vector<bool> touched(bytes.size(), false);
    std::size_t kept = bytes.size();
    // Two octets where, one octet what and how much; then as many octets.
    while (harms.size() >= 4) {
        const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(harms[at]); };
        const std::size_t where = (std::size_t{octet(0)} << 8U | octet(1)) % (sound().segment.size() + 1);
        const std::size_t length = std::min<std::size_t>(octet(3), harms.size() - 4);
        const std::string_view data = harms.substr(4, length);
        if (octet(2) % 4 == 0) {
            kept = std::min(kept, where);
            bytes.resize(std::min(bytes.size(), where));
        } else if (octet(2) % 4 == 1) {
            bytes.append(data);
        } else {
            for (std::size_t i = 0; i < length && where + i < std::min(kept, bytes.size()); ++i) {
                touched[where + i] = true;
                bytes[where + i] = octet(2) % 4 == 2 ? data[i] : '\0';
            }
        }
        harms.remove_prefix(4 + length);
    }
    test::FaultFs files;
    test::Rig rig(files);
    require(spool::prepare_directory(files, rig.layout).has_value(), "directories are made");
    files.put(rig.layout.manifest, sound().manifest);
    files.put(rig.layout.segment(1), bytes);
    require(rig.open(), "a damaged spool starts");
    for (const auto& [id, message] : rig.found.messages) {
        const auto original = sound().messages.find(id);
        require(original != sound().messages.end(), "no message is invented");
        require(message.accepted == original->second.message->accepted, "no envelope is changed");
        const auto stored = rig.read(message.location);
        require(stored && (*stored)->content == original->second.message->content, "no content is changed");
    }
    for (const auto& [id, original] : sound().messages) {
        const auto begin = touched.begin() + static_cast<std::ptrdiff_t>(original.from);
        const auto end = touched.begin() + static_cast<std::ptrdiff_t>(original.to);
        const bool whole = original.to <= kept && std::find(begin, end, true) == end;
        require(!whole || rig.found.messages.contains(id), "no message is lost that was not touched");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (input.empty()) {
        return 0;
    }
    if (data[0] >= 1 && data[0] <= 6) {
        decode(static_cast<spool::RecordType>(data[0]), input.substr(1));
    } else {
        recover(input.substr(1));
    }
    return 0;
}
