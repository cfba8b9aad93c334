#include "daemon/cli/queue_command.h"

#include "config/load.h"
#include "daemon/cli/admin_client.h"
#include "daemon/cli/exit_codes.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <ostream>
#include <string_view>

namespace posthouse::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kPage = 1000;

std::string text_of(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return {};
    if (const auto* text = value->if_string()) return std::string(*text);
    return json::serialize(*value);
}

// What a peer sent may be shown on a terminal only without control octets.
std::string printable(std::string text) {
    for (char& c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x20 || octet == 0x7f) c = '?';
    }
    return text;
}

std::string recipients_of(const json::object& row) {
    const auto* value = row.if_contains("recipients");
    const auto* list = value == nullptr ? nullptr : value->if_array();
    if (list == nullptr || list->empty()) return {};
    auto text = std::string(list->front().as_string());
    if (list->size() > 1) text += fmt::format(" +{}", list->size() - 1);
    return text;
}

// The body of a good answer, or an exit status after the reason was told.
std::expected<json::object, int> ask(const QueueOptions& options, const config::Environment& environment,
                                     const std::string& target, std::ostream& err) {
    auto settings = config::load_found(options.config, environment);
    if (!settings) {
        err << config::to_string(settings.error());
        return std::unexpected(kConfig);
    }
    auto answer = get(settings->admin.listen.front(), target);
    if (!answer) {
        err << "posthouse: " << answer.error().message() << '\n';
        return std::unexpected(kUnavailable);
    }
    auto* body = answer->body.if_object();
    if (answer->status == 200 && body != nullptr) return std::move(*body);
    std::string message = "the daemon gave no reason";
    if (body != nullptr && body->if_contains("error") != nullptr && body->at("error").is_object()) {
        message = text_of(body->at("error").as_object(), "message");
    }
    err << "posthouse: " << printable(message) << '\n';
    return std::unexpected(answer->status == 404 ? kNoInput : kUnavailable);
}

void print_row(const json::object& row, std::ostream& out) {
    auto sender = text_of(row, "sender");
    if (sender.empty()) sender = "<>";
    out << fmt::format("{:<13}  {:<9}  {:>5}  {:<24}  {:>9}  {} -> {}\n", text_of(row, "id"),
                       text_of(row, "state"), text_of(row, "attempts"), text_of(row, "due"),
                       text_of(row, "size"), printable(sender), printable(recipients_of(row)));
}

void print_timeline(const json::object& message, std::ostream& out) {
    const auto* timeline = message.if_contains("timeline");
    if (timeline == nullptr || !timeline->is_array()) return;
    out << "timeline:\n";
    for (const auto& value : timeline->as_array()) {
        const auto& entry = value.as_object();
        out << fmt::format("  {:<24}  {:<8}  {}\n", text_of(entry, "at"), text_of(entry, "event"),
                           text_of(entry, "upstream"));
        const auto* recipients = entry.if_contains("recipients");
        if (recipients == nullptr) continue;
        for (const auto& one : recipients->as_array()) {
            const auto& outcome = one.as_object();
            out << fmt::format("    recipient {} {}: {}\n", text_of(outcome, "recipient"),
                               text_of(outcome, "state"), printable(text_of(outcome, "reply")));
        }
    }
}

}  // namespace

int queue_list(const QueueOptions& options, const config::Environment& environment, std::ostream& out,
               std::ostream& err) {
    json::array all;
    std::string after;
    std::string total = "0";
    while (all.size() < options.limit) {
        const auto page = std::min(kPage, options.limit - all.size());
        const auto target =
            fmt::format("/api/v1/queue?limit={}{}", page, after.empty() ? "" : "&after=" + after);
        auto body = ask(options, environment, target, err);
        if (!body) return body.error();
        total = text_of(*body, "total");
        for (auto& row : body->at("messages").as_array())
            all.push_back(std::move(row));
        after = text_of(*body, "next");
        if (after.empty()) break;
    }
    if (options.json) {
        out << json::serialize(json::object{{"total", std::stoull(total)}, {"messages", std::move(all)}})
            << '\n';
        return kOk;
    }
    if (all.empty()) {
        out << "The queue is empty.\n";
        return kOk;
    }
    out << fmt::format("{:<13}  {:<9}  {:>5}  {:<24}  {:>9}  {}\n", "ID", "STATE", "TRIES", "DUE", "SIZE",
                       "SENDER -> RECIPIENTS");
    for (const auto& row : all)
        print_row(row.as_object(), out);
    out << fmt::format("{} of {} messages\n", all.size(), total);
    return kOk;
}

int queue_show(const QueueOptions& options, const config::Environment& environment, std::ostream& out,
               std::ostream& err) {
    auto message = ask(options, environment, "/api/v1/messages/" + options.id, err);
    if (!message) return message.error();
    if (options.json) {
        out << json::serialize(*message) << '\n';
        return kOk;
    }
    for (const auto* key : {"id", "state", "route", "attempts", "accepted_at", "due", "expires_at", "sender",
                            "size", "message_id", "client", "login"}) {
        const auto text = text_of(*message, key);
        if (!text.empty()) out << fmt::format("{:<12} {}\n", std::string(key) + ":", printable(text));
    }
    out << fmt::format("{:<12} {}\n", "recipients:", printable(text_of(*message, "recipients")));
    print_timeline(*message, out);
    return kOk;
}

}  // namespace posthouse::cli
