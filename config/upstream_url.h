// An upstream in one line, as $POSTHOUSE_UPSTREAM carries it:
//
//     smtps://user:pass@host:465              implicit TLS
//     smtp+starttls://user:pass@host:587      STARTTLS, demanded; smtp:// means the same
//     smtp+cleartext://host:25                no TLS, said in so many words
//     ...?connections=4&limits=500 recipients/day,3 messages/second&ca_file=/path&hosts=127.0.0.1
//
// The parameters are the keys of an upstream in the configuration file, with lists separated by commas;
// ca_file, name and sha256 are those of `verify`. User, password and values are percent-decoded (RFC
// 3986 2.1). No message of this file contains the password.
#pragma once

#include "config/fault.h"
#include "config/node.h"

#include <string_view>

namespace posthouse::config {

// The map that a configuration file would have under the upstream's name; its values are not checked yet.
// `mark` is given to every node.
[[nodiscard]] Parsed<Node> upstream_url_to_node(std::string_view url, const Mark& mark);

}  // namespace posthouse::config
