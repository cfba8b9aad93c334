// The header of a message read in the plainest way, whole and line by line: what the streaming parsers must
// agree with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::fuzz {

struct PlainField {
    std::string name;  // lower case
    std::size_t offset = 0;
    std::size_t size = 0;
};

struct PlainHeader {
    std::vector<PlainField> fields;
    std::size_t size = 0;  // with the empty line
    bool broken_off = false;
};

[[nodiscard]] inline PlainHeader read_header(std::string_view content) {
    PlainHeader header;
    while (header.size < content.size()) {
        const std::string_view rest = content.substr(header.size);
        const std::size_t end = rest.find("\r\n");
        const std::string_view line = end == std::string_view::npos ? rest : rest.substr(0, end + 2);
        if (line == "\r\n") {
            header.size += 2;
            return header;
        }
        const bool continues = line.front() == ' ' || line.front() == '\t';
        if (continues && !header.fields.empty()) {
            header.fields.back().size += line.size();
            header.size += line.size();
            continue;
        }
        const std::size_t colon = line.find(':');
        std::string name(line.substr(0, colon));
        name.erase(name.find_last_not_of(" \t") + 1);
        bool good = colon != std::string_view::npos && colon <= 998 && !name.empty();
        for (char& c : name) {
            good = good && c > ' ' && c < 0x7F;
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
        }
        if (!good) {
            header.broken_off = true;
            return header;
        }
        header.fields.push_back({name, header.size, line.size()});
        header.size += line.size();
    }
    return header;
}

}  // namespace posthouse::fuzz
