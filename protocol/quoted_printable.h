// Quoted-printable and line-wrapped base64, as encoders that are fed any split and keep a few octets.
//
// RFC 2045 6.7: text with CRLF line ends; no output line is longer than 76, white space before a line end is
// encoded, bare CR and LF are encoded. An encoder's own line never begins with "-", so that no soft line
// break can make up a boundary. RFC 2045 6.8: base64 in lines of 76, the last one without CRLF. Output is
// appended to `out`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse::protocol {

class QuotedPrintableEncoder {
  public:
    void feed(std::string_view bytes, std::string& out);
    void finish(std::string& out);

  private:
    void put(unsigned char c, bool literal, std::string& out);

    std::size_t column_ = 0;
    bool soft_line_ = false;  // the line of column 0 follows a soft line break
    char held_white_ = 0;     // a space or tab whose successor decides; 0: none
    bool held_cr_ = false;
};

class Base64LineEncoder {
  public:
    void feed(std::string_view bytes, std::string& out);
    void finish(std::string& out);

  private:
    void put_line(std::string_view octets, std::string& out);

    static constexpr std::size_t kOctetsPerLine = 57;
    std::string held_;  // less than a line
    bool first_line_ = true;
};

[[nodiscard]] std::string quoted_printable_encode(std::string_view text);

}  // namespace posthouse::protocol
