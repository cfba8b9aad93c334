#include "scripted_server.h"

#include <algorithm>
#include <utility>

namespace posthouse::protocol::testing {

ScriptedServer::ScriptedServer(std::vector<std::string> extensions, Fault fault, std::size_t step)
    : extensions_(std::move(extensions)), fault_(fault), fault_step_(fault == Fault::None ? SIZE_MAX : step) {
    answer("220 up.example ESMTP");
}

std::string ScriptedServer::take_output() {
    return std::exchange(output_, {});
}

bool ScriptedServer::offers(std::string_view extension) const {
    return std::ranges::any_of(extensions_,
                               [&](const std::string& offered) { return offered.starts_with(extension); });
}

void ScriptedServer::say(const std::string& line) {
    if (!mute_ && !closed_) output_ += line + "\r\n";
}

bool ScriptedServer::answer(const std::string& good) {
    if (step_++ != fault_step_) {
        say(good);
        return true;
    }
    switch (fault_) {
        case Fault::None:
            break;
        case Fault::CloseBefore:
            closed_ = true;
            return false;
        case Fault::CloseAfter:
            closed_ = true;
            return true;
        case Fault::SilentAfter:
            mute_ = true;
            return true;
        case Fault::Answer4xx:
            say("451 4.3.0 not now");
            return false;
        case Fault::Answer5xx:
            say("550 5.7.1 never");
            return false;
        case Fault::Answer421:
            say("421 4.3.2 closing");
            closed_ = true;
            return false;
        case Fault::Garbage:
            say("\x01\x02 what is this");
            return false;
        case Fault::Endless:
            for (int i = 0; i < 1000; ++i)
                say("250-and another thing");
            return false;
        case Fault::Answer250:
            say("250 2.0.0 whatever");
            return false;
        case Fault::Answer354:
            say("354 whatever");
            return false;
    }
    return true;
}

void ScriptedServer::receive(std::string_view bytes) {
    if (closed_ || mute_) return;
    input_ += bytes;
    while (!closed_ && !mute_) {
        if (reading_ == Reading::Chunk) {
            const std::size_t taken = std::min(chunk_left_, input_.size());
            content_ += input_.substr(0, taken);
            input_.erase(0, taken);
            chunk_left_ -= taken;
            if (chunk_left_ > 0) return;
            reading_ = Reading::Commands;
            content_ends();
            continue;
        }
        const auto end = input_.find("\r\n");
        if (end == std::string::npos) return;
        const std::string line = input_.substr(0, end);
        input_.erase(0, end + 2);
        if (reading_ == Reading::Data) {
            if (line == ".") {
                reading_ = Reading::Commands;
                content_ends();
            } else {
                content_ += (line.starts_with(".") ? line.substr(1) : line) + "\r\n";
            }
        } else {
            command(line);
        }
    }
}

void ScriptedServer::content_ends() {
    if (recipients_.empty()) {
        static_cast<void>(answer("554 5.5.1 no valid recipients"));
    } else if (answer("250 2.0.0 queued as 7")) {
        took_.insert(took_.end(), recipients_.begin(), recipients_.end());
        contents_.push_back(content_);
    }
    content_.clear();
    recipients_.clear();
    mail_ = false;
}

void ScriptedServer::command(std::string_view line) {
    const auto is = [line](std::string_view verb) { return line.starts_with(verb); };
    if (reading_ == Reading::AuthLine) {
        reading_ = Reading::Commands;
        static_cast<void>(answer("235 2.7.0 welcome"));
    } else if (is("EHLO")) {
        std::string reply = "250-up.example";
        for (const std::string& extension : extensions_) {
            if (extension != "STARTTLS" || !encrypted_) reply += "\r\n250-" + extension;
        }
        static_cast<void>(answer(reply + "\r\n250 HELP"));
    } else if (is("HELO")) {
        static_cast<void>(answer("250 up.example"));
    } else if (is("STARTTLS")) {
        if (!offers("STARTTLS")) complaints_.emplace_back("STARTTLS was not offered");
        static_cast<void>(answer("220 go ahead"));
    } else if (is("AUTH")) {
        if (offers("STARTTLS") && !encrypted_) complaints_.emplace_back("AUTH in clear");
        // AUTH PLAIN brings its response along; AUTH LOGIN is asked for the name, then the password.
        if (is("AUTH LOGIN")) {
            if (answer("334 VXNlcm5hbWU6")) reading_ = Reading::AuthLine;
        } else {
            static_cast<void>(answer("235 2.7.0 welcome"));
        }
    } else if (is("MAIL")) {
        recipients_.clear();
        mail_ = answer("250 2.1.0 ok");
    } else if (is("RCPT")) {
        if (!mail_) {
            static_cast<void>(answer("503 5.5.1 MAIL first"));
        } else if (line.find("<nobody@") != std::string_view::npos) {
            static_cast<void>(answer("550 5.1.1 unknown"));
        } else if (answer("250 2.1.5 ok")) {
            recipients_.emplace_back(line.substr(9, line.find('>') - 9));
        }
    } else if (is("DATA")) {
        if (recipients_.empty()) {
            static_cast<void>(answer("503 5.5.1 RCPT first"));
        } else if (answer("354 go ahead")) {
            reading_ = Reading::Data;
        }
    } else if (is("BDAT")) {
        if (!offers("CHUNKING")) complaints_.emplace_back("CHUNKING was not offered");
        chunk_left_ = std::stoul(std::string(line.substr(5)));
        reading_ = Reading::Chunk;
    } else if (is("RSET")) {
        recipients_.clear();
        mail_ = false;
        static_cast<void>(answer("250 2.0.0 ok"));
    } else if (is("QUIT")) {
        static_cast<void>(answer("221 2.0.0 bye"));
        closed_ = true;
    } else {
        // Also where a fault let the client stream content that we do not want.
        static_cast<void>(answer("500 5.5.1 what"));
    }
}

}  // namespace posthouse::protocol::testing
