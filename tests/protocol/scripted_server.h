// ScriptedServer: an SMTP server in memory that does everything right, but for one fault at one step. It
// knows what it has taken responsibility for, so a test can hold the client's opinion against the truth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::protocol::testing {

enum class Fault : std::uint8_t {
    None,
    CloseBefore,  // closes without doing what it was asked
    CloseAfter,   // does it, and closes without saying so
    SilentAfter,  // does it, and says nothing ever again
    Answer4xx,
    Answer5xx,
    Answer421,  // and closes
    Garbage,    // a line that is no reply
    Endless,    // a reply that never ends
    Answer250,  // whatever was asked, and does not do it
    Answer354,
};
inline constexpr Fault kAllFaults[] = {Fault::None,        Fault::CloseBefore, Fault::CloseAfter,
                                       Fault::SilentAfter, Fault::Answer4xx,   Fault::Answer5xx,
                                       Fault::Answer421,   Fault::Garbage,     Fault::Endless,
                                       Fault::Answer250,   Fault::Answer354};

class ScriptedServer {
  public:
    // `extensions`: "PIPELINING,CHUNKING". The fault befalls the answer number `step`, the greeting being 0.
    ScriptedServer(std::vector<std::string> extensions, Fault fault, std::size_t step);

    void receive(std::string_view bytes);
    [[nodiscard]] std::string take_output();
    [[nodiscard]] bool closed() const { return closed_; }
    void handshake_done() { encrypted_ = true; }

    [[nodiscard]] std::size_t steps() const { return step_; }  // answers given so far
    [[nodiscard]] bool fault_happened() const { return step_ > fault_step_; }
    // Recipients of contents that were taken, in order.
    [[nodiscard]] const std::vector<std::string>& took() const { return took_; }
    [[nodiscard]] const std::vector<std::string>& contents() const { return contents_; }
    // A password seen outside TLS, a command never offered, a command behind one that must be last.
    [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

  private:
    enum class Reading : std::uint8_t { Commands, AuthLine, Data, Chunk };

    void command(std::string_view line);
    void content_ends();
    // Says `good` unless the fault falls here; true if what was asked is to be done.
    bool answer(const std::string& good);
    void say(const std::string& line);
    [[nodiscard]] bool offers(std::string_view extension) const;

    std::vector<std::string> extensions_;
    Fault fault_;
    std::size_t fault_step_;
    std::size_t step_ = 0;
    std::string input_;
    std::string output_;
    bool closed_ = false;
    bool mute_ = false;
    bool encrypted_ = false;
    Reading reading_ = Reading::Commands;
    std::size_t chunk_left_ = 0;
    bool mail_ = false;
    std::vector<std::string> recipients_;
    std::string content_;
    std::vector<std::string> took_;
    std::vector<std::string> contents_;
    std::vector<std::string> complaints_;
};

}  // namespace posthouse::protocol::testing
