// A certificate authority for one run: makes a CA and a server certificate for localhost, in memory, valid
// for a few days. For the sink and the demo; the key of the CA is thrown away at once.
#pragma once

#include "protocol/result.h"

#include <string>

namespace posthouse::sink {

struct ThrowawayCertificates {
    std::string authority;    // PEM, for `verify.ca_file` of an upstream
    std::string certificate;  // PEM: localhost, 127.0.0.1, ::1
    std::string key;          // PEM
};

[[nodiscard]] Result<ThrowawayCertificates> make_throwaway_certificates();

}  // namespace posthouse::sink
