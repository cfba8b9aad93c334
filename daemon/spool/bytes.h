// ByteWriter and ByteReader: the small encodings that every record is made of. Little-endian fixed integers,
// variable length integers (7 bits an octet, lowest first, as in LevelDB), strings with their length in
// front.
//
// ByteReader never reads past its end: the first value that does not fit makes ok() false for good, and every
// later value is zero or empty.
//
// Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace posthouse::spool {

template <class Integer>
void put_fixed(char* to, Integer value) {
    auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
        to[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * i)));
    }
}

template <class Integer>
[[nodiscard]] Integer get_fixed(const char* from) {
    std::make_unsigned_t<Integer> bits = 0;
    for (std::size_t i = 0; i < sizeof(Integer); ++i) {
        bits |= static_cast<std::make_unsigned_t<Integer>>(
            static_cast<std::make_unsigned_t<Integer>>(static_cast<unsigned char>(from[i])) << (8 * i));
    }
    return static_cast<Integer>(bits);
}

class ByteWriter {
  public:
    explicit ByteWriter(std::string& out) : out_(out) {}

    template <class Integer>
    void fixed(Integer value) {
        char bytes[sizeof(Integer)];
        put_fixed(bytes, value);
        out_.append(bytes, sizeof(Integer));
    }
    void octet(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void varint(std::uint64_t value) {
        while (value >= 0x80) {
            octet(static_cast<std::uint8_t>(value | 0x80));
            value >>= 7U;
        }
        octet(static_cast<std::uint8_t>(value));
    }
    void text(std::string_view value) {
        varint(value.size());
        out_.append(value);
    }

  private:
    std::string& out_;
};

class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool at_end() const { return ok_ && rest_.empty(); }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }

    template <class Integer>
    Integer fixed() {
        if (!need(sizeof(Integer))) {
            return 0;
        }
        const auto value = get_fixed<Integer>(rest_.data());
        rest_.remove_prefix(sizeof(Integer));
        return value;
    }
    std::uint8_t octet() { return fixed<std::uint8_t>(); }
    // Only the shortest form is accepted, so that a value has one byte form.
    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            const std::uint64_t byte = octet();
            value |= (byte & 0x7FU) << shift;
            if ((byte & 0x80U) == 0) {
                ok_ = ok_ && (byte != 0 || shift == 0) && (shift < 63 || byte <= 1);
                return ok_ ? value : 0;
            }
        }
        ok_ = false;
        return 0;
    }
    template <class Integer>
    Integer varint_as() {
        const std::uint64_t value = varint();
        if (value > static_cast<std::uint64_t>(static_cast<Integer>(~Integer{0}))) {
            ok_ = false;
            return 0;
        }
        return static_cast<Integer>(value);
    }
    std::string text() {
        const std::uint64_t size = varint();
        if (!need(size)) {
            return {};
        }
        std::string value(rest_.substr(0, static_cast<std::size_t>(size)));
        rest_.remove_prefix(static_cast<std::size_t>(size));
        return value;
    }
    // A count of things of at least `smallest` octets each: one that cannot be true is refused before
    // anything is allocated for it.
    std::size_t count(std::size_t smallest) {
        const std::uint64_t value = varint();
        ok_ = ok_ && value <= rest_.size() / smallest;
        return ok_ ? static_cast<std::size_t>(value) : 0;
    }
    void refuse() { ok_ = false; }

  private:
    bool need(std::uint64_t octets) {
        ok_ = ok_ && octets <= rest_.size();
        return ok_;
    }

    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace posthouse::spool
