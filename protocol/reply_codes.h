// The replies that we give, each with the section that asks for it. Factories rather than constants: a Reply
// owns its text. Texts say what to do next; no reply repeats bytes from the peer.
//
// RFC 5321 4.2.2 and 4.2.3 (codes), RFC 3463 and 5248 (enhanced codes), RFC 4954 6 (AUTH).
#pragma once

#include "protocol/reply.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::protocol::replies {

// --- 2xx and 3xx ---
[[nodiscard]] Reply greeting(std::string_view hostname);  // RFC 5321 4.2: 220 without an enhanced code
[[nodiscard]] Reply helo(std::string_view hostname);      // RFC 5321 4.1.1.1: 250 without an enhanced code
[[nodiscard]] Reply help();                               // RFC 5321 4.1.1.8: 214 2.0.0
[[nodiscard]] Reply ready_for_tls();                      // RFC 3207 4: 220 2.0.0
[[nodiscard]] Reply closing(std::string_view hostname);   // RFC 5321 4.1.1.10: 221 2.0.0
[[nodiscard]] Reply authenticated();                      // RFC 4954 6: 235 2.7.0
[[nodiscard]] Reply challenge(std::string_view base64);   // RFC 4954 4: 334, the challenge already base64
[[nodiscard]] Reply ok();                                 // 250 2.0.0
[[nodiscard]] Reply sender_ok();                          // RFC 3463 X.1.0: 250 2.1.0
[[nodiscard]] Reply recipient_ok();                       // RFC 3463 X.1.5: 250 2.1.5
[[nodiscard]] Reply chunk_ok(std::uint64_t octets);       // RFC 3030 2: 250 2.0.0
[[nodiscard]] Reply queued(std::string_view queue_id);    // RFC 5321 4.2.5: 250 2.0.0, responsibility taken
[[nodiscard]] Reply cannot_verify();                      // RFC 5321 3.5.3: 252 2.5.0
[[nodiscard]] Reply start_mail_input();                   // RFC 5321 4.1.1.4: 354

// --- 421: we close (RFC 5321 3.8) ---
[[nodiscard]] Reply shutting_down(std::string_view hostname);           // 421 4.3.2
[[nodiscard]] Reply too_many_connections(std::string_view hostname);    // 421 4.3.2
[[nodiscard]] Reply timed_out(std::string_view hostname);               // RFC 5321 4.5.3.2: 421 4.4.2
[[nodiscard]] Reply too_many_errors(std::string_view hostname);         // 421 4.7.0
[[nodiscard]] Reply too_many_auth_failures(std::string_view hostname);  // RFC 4954 4: 421 4.7.0
[[nodiscard]] Reply not_http(std::string_view hostname);                // 421 4.7.0, cross-protocol request
[[nodiscard]] Reply out_of_step(std::string_view hostname);  // 421 4.5.0, BDAT whose size is unknown

// --- other 4xx ---
[[nodiscard]] Reply local_error();          // 451 4.3.0
[[nodiscard]] Reply out_of_storage();       // 452 4.3.1
[[nodiscard]] Reply too_many_recipients();  // RFC 5321 4.5.3.1.10: 452 4.5.3
[[nodiscard]] Reply auth_unavailable();     // RFC 4954 6: 454 4.7.0
[[nodiscard]] Reply tls_unavailable();      // RFC 3207 4: 454 4.7.0

// --- 5xx about the command itself ---
[[nodiscard]] Reply unknown_command();                     // 500 5.5.1
[[nodiscard]] Reply bad_command_line();                    // 500 5.5.2: control octets, bare CR or LF, empty
[[nodiscard]] Reply line_too_long();                       // RFC 5321 4.5.3.1.4: 500 5.5.6
[[nodiscard]] Reply syntax_error(std::string_view what);   // 501 5.5.4
[[nodiscard]] Reply no_parameters(std::string_view verb);  // RFC 5321 4.1.1.11: 501 5.5.4, also STARTTLS
[[nodiscard]] Reply bad_sender(std::string_view what);     // RFC 3463 X.1.7: 501 5.1.7
[[nodiscard]] Reply bad_recipient(std::string_view what);  // RFC 3463 X.1.3: 501 5.1.3
[[nodiscard]] Reply bad_base64();                          // RFC 4954 4: 501 5.5.2
[[nodiscard]] Reply auth_cancelled();                      // RFC 4954 4: 501 5.7.0
[[nodiscard]] Reply not_implemented();                     // RFC 5321 4.2.4: 502 5.5.1
[[nodiscard]] Reply bad_sequence(std::string_view what);   // RFC 5321 4.1.4: 503 5.5.1
[[nodiscard]] Reply already_authenticated();               // RFC 4954 4: 503 5.5.1
[[nodiscard]] Reply unknown_mechanism();                   // RFC 4954 4: 504 5.5.4
[[nodiscard]] Reply unknown_parameter(std::string_view what);  // RFC 5321 4.1.1.11: 555 5.5.4

// --- 5xx about rights and content ---
[[nodiscard]] Reply auth_required();        // RFC 4954 6: 530 5.7.0
[[nodiscard]] Reply starttls_required();    // RFC 3207 4: 530 5.7.0
[[nodiscard]] Reply encryption_required();  // RFC 4954 6: 538 5.7.11
[[nodiscard]] Reply bad_credentials();      // RFC 4954 6: 535 5.7.8
[[nodiscard]] Reply relay_denied();         // 554 5.7.1
[[nodiscard]] Reply message_too_big();      // RFC 1870 6: 552 5.3.4
[[nodiscard]] Reply non_ascii_address();    // RFC 6531 3.5: 553 5.6.7
[[nodiscard]] Reply no_valid_recipients();  // RFC 5321 3.3: 554 5.5.1
[[nodiscard]] Reply bare_newline();         // RFC 5321 2.3.8: 550 5.5.2
[[nodiscard]] Reply routing_loop();         // RFC 5321 6.3: 554 5.4.6

}  // namespace posthouse::protocol::replies
