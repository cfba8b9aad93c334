// The content of a message on its way through ServerSession: behind DATA, or in BDAT chunks.
//
// RFC 5321 4.1.1.4 (DATA), RFC 3030 2 and 4.2 (BDAT), RFC 1870 6.2 (too large after all).
#include "protocol/reply_codes.h"
#include "protocol/server_machine.h"

#include <algorithm>
#include <utility>

namespace posthouse::protocol {

using State = ServerState;

void ServerSession::Machine::proceed_bdat(ParsedCommand& command) {
    const auto& bdat = std::get<command::Bdat>(command);
    const std::uint64_t so_far = transaction.newlines ? transaction.newlines->octets() : 0;
    if (!transaction.refusal && bdat.size + so_far > options->max_message_size) {
        refuse_content(replies::message_too_big());
    }
    if (transaction.refusal) {
        Reply refusal = std::move(*transaction.refusal);
        end_transaction();
        return skip_chunk(bdat.size, std::move(refusal), State::Identified);
    }
    transaction.chunk_size = bdat.size;
    transaction.chunk_left = bdat.size;
    transaction.chunk_last = bdat.last;
    if (transaction.newlines) return enter(State::Chunk);
    transaction.newlines.emplace(options->bare_newlines);
    enter(State::ChunkOpening);
}

// RFC 3030 4.2: the octets of a refused chunk are read all the same, then the reply is given.
void ServerSession::Machine::skip_chunk(std::uint64_t octets, Reply reply, State resume) {
    skip_left = octets;
    skip_reply = std::move(reply);
    skip_resume = resume;
    enter(State::RefusedChunk);
}

bool ServerSession::Machine::skip_octets() {
    const std::size_t size = input.buffered().size();
    const std::size_t skipped = skip_left < size ? static_cast<std::size_t>(skip_left) : size;
    input.consume(skipped);
    skip_left -= skipped;
    if (skip_left > 0) return false;
    enter(skip_resume);
    refuse(skip_reply);
    return true;
}

void ServerSession::Machine::message_opened(std::optional<Reply> refusal) {
    const bool chunked = transaction.newlines.has_value();
    answered(chunked ? State::ChunkOpening : State::DataOpening);
    if (!refusal) {
        transaction.message_open = true;
        if (!chunked) say(replies::start_mail_input());
        return enter(chunked ? State::Chunk : State::Data);
    }
    const std::uint64_t octets = transaction.chunk_left;
    end_transaction();
    if (chunked) return skip_chunk(octets, std::move(*refusal), State::Identified);
    enter(State::Identified);
    refuse(*refusal);
}

void ServerSession::Machine::refuse_content(Reply reply) {
    if (transaction.message_open) abort_due = true;
    transaction.message_open = false;
    transaction.refusal = std::move(reply);
}

void ServerSession::Machine::message_refused(Reply reply) {
    // Also before CommitMessage was given out: the last Body, a line end that was missing, may be one too
    // many.
    if (state == State::Committing) {
        end_transaction();
        enter(State::Identified);
        return refuse(reply);
    }
    if (!transaction.message_open) return;  // we have given it up ourselves in the meantime
    transaction.message_open = false;
    if (state == State::Chunk) {
        const std::uint64_t octets = transaction.chunk_left;
        end_transaction();
        return skip_chunk(octets, std::move(reply), State::Identified);
    }
    transaction.refusal = std::move(reply);
}

void ServerSession::Machine::message_stored(std::string_view queue_id) {
    answered(State::Committing);
    end_transaction();
    errors = 0;  // a client that gets mail through is no attacker; only consecutive errors count
    say(replies::queued(queue_id));
    enter(State::Identified);
}

void ServerSession::Machine::finish_content() {
    if (transaction.refusal) {
        const Reply refusal = std::move(*transaction.refusal);
        end_transaction();
        enter(State::Identified);
        return refuse(refusal);
    }
    // From here on the shell owns the message: it answers stored or refused, so there is nothing to abort.
    transaction.message_open = false;
    enter(State::Committing);
}

std::optional<ServerSession::Action> ServerSession::Machine::take_data() {
    DataDecoder& decoder = *transaction.decoder;
    while (!decoder.done()) {
        if (input.empty()) return std::nullopt;
        const DataDecoder::Step step = decoder.step(input.buffered());
        input.consume(step.consumed);
        if (transaction.refusal) continue;
        if (decoder.bare_newline() && options->bare_newlines == BareNewlines::Reject) {
            refuse_content(replies::bare_newline());
        } else if (decoder.octets() > options->max_message_size) {
            refuse_content(replies::message_too_big());
        }
        if (abort_due) {
            abort_due = false;
            return AbortMessage{};
        }
        if (!step.content.empty()) return Body{step.content};
    }
    finish_content();
    return std::nullopt;
}

std::optional<ServerSession::Action> ServerSession::Machine::take_chunk() {
    NewlinePolicy& newlines = *transaction.newlines;
    const auto refused = [&] {
        if (!newlines.bare_newline() || options->bare_newlines != BareNewlines::Reject) return false;
        const std::uint64_t octets = transaction.chunk_left;
        end_transaction();
        skip_chunk(octets, replies::bare_newline(), State::Identified);
        return true;
    };
    while (transaction.chunk_left > 0) {
        const std::string_view buffered = input.buffered();
        if (buffered.empty()) return std::nullopt;
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(buffered.size(), transaction.chunk_left));
        const NewlinePolicy::Step step = newlines.step(buffered.substr(0, size));
        input.consume(step.consumed);
        transaction.chunk_left -= step.consumed;
        if (refused()) return std::nullopt;
        if (!step.content.empty()) return Body{step.content};
    }
    if (!transaction.chunk_last) {
        say(replies::chunk_ok(transaction.chunk_size));
        enter(State::BetweenChunks);
        return std::nullopt;
    }
    const std::string_view rest = newlines.finish();
    if (refused()) return std::nullopt;
    finish_content();
    if (rest.empty()) return std::nullopt;
    return Body{rest};
}

}  // namespace posthouse::protocol
