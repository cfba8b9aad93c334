#include "protocol/reply_codes.h"

namespace posthouse::protocol::replies {

namespace {

std::string join(std::string_view head, std::string_view tail) {
    std::string out(head);
    out += tail;
    return out;
}

Reply service_closing(EnhancedCode code, std::string_view hostname, std::string_view reason) {
    return Reply(421, code, join(join(hostname, " "), reason));
}

}  // namespace

Reply greeting(std::string_view hostname) {
    return Reply(220, join(hostname, " ESMTP posthouse"));
}
Reply helo(std::string_view hostname) {
    return Reply(250, std::string(hostname));
}
Reply help() {
    return Reply(214, EnhancedCode{2, 0, 0},
                 "Commands: HELO EHLO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");
}
Reply ready_for_tls() {
    return Reply(220, EnhancedCode{2, 0, 0}, "Ready to start TLS");
}
Reply closing(std::string_view hostname) {
    return Reply(221, EnhancedCode{2, 0, 0}, join(hostname, " closing connection"));
}
Reply authenticated() {
    return Reply(235, EnhancedCode{2, 7, 0}, "Authentication successful");
}
Reply challenge(std::string_view base64) {
    return Reply(334, std::string(base64));
}
Reply ok() {
    return Reply(250, EnhancedCode{2, 0, 0}, "Ok");
}
Reply sender_ok() {
    return Reply(250, EnhancedCode{2, 1, 0}, "Sender ok");
}
Reply recipient_ok() {
    return Reply(250, EnhancedCode{2, 1, 5}, "Recipient ok");
}
Reply chunk_ok(std::uint64_t octets) {
    return Reply(250, EnhancedCode{2, 0, 0}, std::to_string(octets) + " octets received");
}
Reply queued(std::string_view queue_id) {
    return Reply(250, EnhancedCode{2, 0, 0}, join("Ok: queued as ", queue_id));
}
Reply cannot_verify() {
    return Reply(252, EnhancedCode{2, 5, 0}, "Cannot verify the address, but will accept mail for it");
}
Reply start_mail_input() {
    return Reply(354, "End data with <CR><LF>.<CR><LF>");
}

Reply shutting_down(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 3, 2}, hostname, "shutting down, try again later");
}
Reply too_many_connections(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 3, 2}, hostname, "too many connections, try again later");
}
Reply timed_out(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 4, 2}, hostname, "timeout waiting for input, closing connection");
}
Reply too_many_errors(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 7, 0}, hostname, "too many errors, closing connection");
}
Reply too_many_auth_failures(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 7, 0}, hostname, "too many failed logins, closing connection");
}
Reply not_http(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 7, 0}, hostname, "this is an SMTP server, closing connection");
}
Reply out_of_step(std::string_view hostname) {
    return service_closing(EnhancedCode{4, 5, 0}, hostname,
                           "the size of the BDAT chunk cannot be read, closing connection");
}

Reply local_error() {
    return Reply(451, EnhancedCode{4, 3, 0}, "Local error, try again later");
}
Reply out_of_storage() {
    return Reply(452, EnhancedCode{4, 3, 1}, "Insufficient storage, try again later");
}
Reply too_many_recipients() {
    return Reply(452, EnhancedCode{4, 5, 3}, "Too many recipients, send the rest in another transaction");
}
Reply auth_unavailable() {
    return Reply(454, EnhancedCode{4, 7, 0}, "Logins cannot be checked now, try again later");
}
Reply tls_unavailable() {
    return Reply(454, EnhancedCode{4, 7, 0}, "TLS not available");
}

Reply unknown_command() {
    return Reply(500, EnhancedCode{5, 5, 1}, "Command not recognized");
}
Reply bad_command_line() {
    return Reply(500, EnhancedCode{5, 5, 2}, "A command is one line of printable text that ends with CRLF");
}
Reply line_too_long() {
    return Reply(500, EnhancedCode{5, 5, 6}, "Line too long");
}
Reply syntax_error(std::string_view what) {
    return Reply(501, EnhancedCode{5, 5, 4}, join("Syntax error: ", what));
}
Reply no_parameters(std::string_view verb) {
    return Reply(501, EnhancedCode{5, 5, 4}, join(verb, " takes no parameters"));
}
Reply bad_sender(std::string_view what) {
    return Reply(501, EnhancedCode{5, 1, 7}, join("Bad sender address: ", what));
}
Reply bad_recipient(std::string_view what) {
    return Reply(501, EnhancedCode{5, 1, 3}, join("Bad recipient address: ", what));
}
Reply bad_base64() {
    return Reply(501, EnhancedCode{5, 5, 2}, "Cannot decode base64");
}
Reply auth_cancelled() {
    return Reply(501, EnhancedCode{5, 7, 0}, "Authentication cancelled");
}
Reply not_implemented() {
    return Reply(502, EnhancedCode{5, 5, 1}, "Command not implemented");
}
Reply bad_sequence(std::string_view what) {
    return Reply(503, EnhancedCode{5, 5, 1}, std::string(what));
}
Reply already_authenticated() {
    return Reply(503, EnhancedCode{5, 5, 1}, "Already authenticated");
}
Reply unknown_mechanism() {
    return Reply(504, EnhancedCode{5, 5, 4}, "Authentication mechanism not supported, see the EHLO reply");
}
Reply unknown_parameter(std::string_view what) {
    return Reply(555, EnhancedCode{5, 5, 4}, std::string(what));
}

Reply auth_required() {
    return Reply(530, EnhancedCode{5, 7, 0}, "Authentication required");
}
Reply starttls_required() {
    return Reply(530, EnhancedCode{5, 7, 0}, "Must issue a STARTTLS command first");
}
Reply encryption_required() {
    return Reply(538, EnhancedCode{5, 7, 11}, "Encryption required for authentication, use STARTTLS first");
}
Reply bad_credentials() {
    return Reply(535, EnhancedCode{5, 7, 8}, "Login or password is wrong");
}
Reply relay_denied() {
    return Reply(554, EnhancedCode{5, 7, 1}, "Relay access denied, log in first");
}
Reply message_too_big() {
    return Reply(552, EnhancedCode{5, 3, 4}, "Message is larger than the SIZE in the EHLO reply");
}
Reply non_ascii_address() {
    return Reply(553, EnhancedCode{5, 6, 7}, "An address that is not ASCII needs SMTPUTF8 on MAIL");
}
Reply no_valid_recipients() {
    return Reply(554, EnhancedCode{5, 5, 1}, "No valid recipients");
}
Reply bare_newline() {
    return Reply(550, EnhancedCode{5, 5, 2}, "Message contains a CR or LF that is no CRLF");
}
Reply routing_loop() {
    return Reply(554, EnhancedCode{5, 4, 6}, "Too many Received header fields, mail loop");
}

}  // namespace posthouse::protocol::replies
