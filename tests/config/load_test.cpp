#include "config/load.h"

#include "tests/config/environment_for_tests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace posthouse::config {
namespace {

using ::testing::HasSubstr;

Settings loaded(std::string_view text, const Environment& environment = environment_for_tests()) {
    const auto result = load_text(text, "f.yaml", "/etc/posthouse", environment);
    EXPECT_TRUE(result) << (result ? "" : to_string(result.error()));
    return result ? *result : Settings{};
}

std::string faults_without_file(std::map<std::string, std::string, std::less<>> variables) {
    const auto result = load_environment(environment_for_tests(std::move(variables)));
    return result ? "accepted" : to_string(result.error());
}

constexpr std::string_view kLeast = "upstreams: {a: {host: h}}\n";

TEST(Load, TakesTheHostNameOfTheMachine) {
    Environment environment = environment_for_tests();
    EXPECT_EQ(loaded(kLeast, environment).hostname, "relay.test");
    environment.hostname = [] { return std::string("not a name"); };
    EXPECT_EQ(loaded(kLeast, environment).hostname, "localhost") << "a bad name must not reach an EHLO";
}

TEST(Load, FindsAPlaceForTheSpool) {
    using Variables = std::map<std::string, std::string, std::less<>>;
    struct Case {
        std::string_view name;
        Variables variables;
        std::string path;
    };
    for (const Case& c :
         {Case{"systemd",
               {{"STATE_DIRECTORY", "/var/lib/a:/var/lib/b"}, {"XDG_STATE_HOME", "/x"}},
               "/var/lib/a"},
          {"XDG", {{"XDG_STATE_HOME", "/home/u/.local/state"}}, "/home/u/.local/state/posthouse"},
          {"XDG that is not absolute", {{"XDG_STATE_HOME", "state"}}, "/var/lib/posthouse"},
          {"nothing", {}, "/var/lib/posthouse"},
          {"variable", {{"POSTHOUSE_SPOOL", "spool"}, {"STATE_DIRECTORY", "/var/lib/a"}}, "/spool"}}) {
        EXPECT_EQ(loaded(kLeast, environment_for_tests(c.variables)).spool.path, c.path) << c.name;
    }
    EXPECT_EQ(loaded("spool: {path: mail}\n" + std::string(kLeast)).spool.path, "/etc/posthouse/mail");
}

TEST(Load, PutsTheAdminSocketBesideTheSpoolOrIntoTheRuntimeDirectory) {
    EXPECT_EQ(loaded(kLeast).admin.listen,
              std::vector<Endpoint>{UnixEndpoint{"/var/lib/posthouse/admin.sock"}});
    EXPECT_EQ(loaded(kLeast, environment_for_tests({{"RUNTIME_DIRECTORY", "/run/posthouse"}})).admin.listen,
              std::vector<Endpoint>{UnixEndpoint{"/run/posthouse/admin.sock"}});
}

TEST(Load, UsesHalfTheProcessors) {
    Environment environment = environment_for_tests();
    for (const auto& [processors, threads] : {std::pair{1U, 1U}, {2U, 1U}, {16U, 8U}, {1024U, 64U}}) {
        environment.processors = processors;
        EXPECT_EQ(loaded(kLeast, environment).io_threads, threads);
    }
}

// Absolute, because shown in a file it would be relative to that file.
TEST(Load, ReadsRelativePathsOfVariablesFromTheWorkingDirectory) {
    Environment environment = environment_for_tests(
        {{"POSTHOUSE_UPSTREAM", "smtps://smtp.example?ca_file=pki/ca.pem"}, {"POSTHOUSE_SPOOL", "../spool"}});
    environment.working_directory = "/srv/shop";
    const auto loaded = load_environment(environment);
    ASSERT_TRUE(loaded) << to_string(loaded.error());
    EXPECT_EQ(std::get<VerifyAuthority>(loaded->upstreams[0].verify).ca_file, "/srv/shop/pki/ca.pem");
    EXPECT_EQ(loaded->spool.path, "/srv/spool");
}

TEST(Load, ReadsRelativePathsFromTheDirectoryOfTheFile) {
    const Settings settings = loaded(
        "tls: {certificate: pki/cert.pem, key: ../key.pem}\nclients: {users_file: /abs/users}\n"
        "listen: [{address: 'unix:submit.sock'}]\nadmin: {listen: ['unix:./admin.sock']}\n" +
        std::string(kLeast));
    EXPECT_EQ(settings.tls.certificate, "/etc/posthouse/pki/cert.pem");
    EXPECT_EQ(settings.tls.key, "/etc/key.pem");
    EXPECT_EQ(settings.clients.users_file, "/abs/users");
    EXPECT_EQ(settings.listeners[0].endpoint, Endpoint(UnixEndpoint{"/etc/posthouse/submit.sock"}));
    EXPECT_EQ(settings.admin.listen[0], Endpoint(UnixEndpoint{"/etc/posthouse/admin.sock"}));

    const TemporaryDirectory directory;
    const auto file = directory.write("p.yaml", "spool: {path: s}\n" + std::string(kLeast));
    const auto from_disk = load(file, environment_for_tests());
    ASSERT_TRUE(from_disk);
    EXPECT_EQ(from_disk->spool.path, directory.path() / "s");
}

TEST(Load, ChoosesPortsByTheTlsMode) {
    const Settings settings = loaded(
        "upstreams:\n  a: {host: h}\n  b: {host: h, tls: implicit}\n  c: {host: h, tls: none}\n"
        "  d: {host: h, tls: implicit, port: 26}\n");
    EXPECT_EQ(settings.upstreams[0].port, 587);
    EXPECT_EQ(settings.upstreams[1].port, 465);
    EXPECT_EQ(settings.upstreams[2].port, 25);
    EXPECT_EQ(settings.upstreams[3].port, 26);
}

TEST(Load, SendsPasswordsInClearOnlyToThisMachineUnlessTold) {
    const Settings settings = loaded(
        "upstreams:\n"
        "  a: {host: 127.0.0.1, tls: none, login: u, password: p}\n"
        "  b: {host: localhost, tls: none, login: u, password: p}\n"
        "  c: {host: h, hosts: [127.0.0.1, '::1'], tls: none, login: u, password: p}\n"
        "  d: {host: h, tls: none, login: u, password: p, auth_in_clear: true}\n"
        "  e: {host: 127.0.0.1, tls: none}\n");
    for (std::size_t i = 0; i < 4; ++i)
        EXPECT_TRUE(settings.upstreams[i].auth_in_clear) << i;
    EXPECT_FALSE(settings.upstreams[4].auth_in_clear) << "there is no login";
    const auto refused =
        load_text("upstreams: {a: {host: 127.0.0.1, tls: none, login: u, password: p, auth_in_clear: false}}",
                  "f", "/", environment_for_tests());
    EXPECT_FALSE(refused) << "no means no, on loopback too";
}

TEST(Load, OffersLoginsOnlyWhereSomebodyCanLogIn) {
    EXPECT_EQ(loaded("listen: [{address: ':25', auth: optional}]\n" + std::string(kLeast)).listeners[0].auth,
              protocol::AuthPolicy::None);
    EXPECT_EQ(loaded("clients: {users_file: u}\n" + std::string(kLeast)).listeners[0].auth,
              protocol::AuthPolicy::Optional);
}

TEST(Load, EndsTheRoutesWithOneForAllMail) {
    const Settings settings =
        loaded("upstreams: {a: {host: h}, b: {host: i}}\nroutes: [{match: {sender: '*@x'}, via: [b]}]\n");
    ASSERT_EQ(settings.routes.size(), 2U);
    EXPECT_EQ(settings.routes[1].match, RouteMatch{});
    EXPECT_EQ(settings.routes[1].via, (std::vector<std::size_t>{0, 1}));
    EXPECT_EQ(loaded("upstreams: {a: {host: h}}\nroutes: [{match: {sender: '*'}, via: [a]}]\n").routes.size(),
              1U);
}

TEST(Load, NeedsNoFileButAnUpstream) {
    const auto settings =
        load_environment(environment_for_tests({{"POSTHOUSE_UPSTREAM", "smtps://u:p@smtp.example:466"}}));
    ASSERT_TRUE(settings) << to_string(settings.error());
    EXPECT_EQ(settings->upstreams[0].name, "default");
    EXPECT_EQ(settings->upstreams[0].port, 466);
    EXPECT_EQ(settings->upstreams[0].tls, TlsMode::Implicit);
    EXPECT_EQ(settings->listeners[0].endpoint, Endpoint(TcpEndpoint{"127.0.0.1", 2525}));
    EXPECT_EQ(faults_without_file({}),
              "$POSTHOUSE_UPSTREAM: no upstream is configured; add one under upstreams, or set "
              "$POSTHOUSE_UPSTREAM to "
              "smtps://user:pass@host:465\n");
}

TEST(Load, FillsInWhatTheFileLeavesOut) {
    const Environment environment = environment_for_tests({{"POSTHOUSE_UPSTREAM", "smtp://smtp.example"},
                                                           {"POSTHOUSE_HOSTNAME", "env.example"},
                                                           {"POSTHOUSE_LISTEN", "0.0.0.0:25, [::]:25"},
                                                           {"POSTHOUSE_NETWORKS", "10.0.0.0/8,fd00::/8"}});
    const Settings filled = loaded("clients: {max_recipients: 7}\n", environment);
    EXPECT_EQ(filled.hostname, "env.example");
    EXPECT_EQ(filled.listeners.size(), 2U);
    EXPECT_EQ(filled.listeners[1].endpoint, Endpoint(TcpEndpoint{"::", 25}));
    EXPECT_EQ(filled.clients.networks.size(), 2U);
    EXPECT_EQ(filled.clients.max_recipients, 7U);
    EXPECT_EQ(filled.upstreams[0].host, "smtp.example");

    const Settings own =
        loaded("hostname: file.example\nlisten: [{address: ':2525'}]\nclients: {networks: []}\n" +
                   std::string(kLeast),
               environment);
    EXPECT_EQ(own.hostname, "file.example");
    EXPECT_EQ(own.listeners.size(), 1U);
    EXPECT_TRUE(own.clients.networks.empty());
    EXPECT_EQ(own.upstreams[0].name, "a");
}

TEST(Load, ReadsVariablesFromFilesToo) {
    Environment environment = environment_for_tests({{"POSTHOUSE_UPSTREAM_FILE", "/run/secrets/upstream"}});
    environment.read_secret = [](const std::filesystem::path& path,
                                 bool private_only) -> Result<std::string> {
        EXPECT_EQ(path, "/run/secrets/upstream");
        EXPECT_TRUE(private_only);
        return "smtps://u:p@smtp.example\n";
    };
    const auto settings = load_environment(environment);
    ASSERT_TRUE(settings) << to_string(settings.error());
    EXPECT_EQ(settings->upstreams[0].password.reveal(), "p");

    EXPECT_EQ(faults_without_file({{"POSTHOUSE_UPSTREAM", "smtp://a"}, {"POSTHOUSE_UPSTREAM_FILE", "x"}})
                  .substr(0, 79),
              "$POSTHOUSE_UPSTREAM: both this and $POSTHOUSE_UPSTREAM_FILE are set; unset one ");
}

TEST(Load, NamesTheVariableThatIsAtFault) {
    EXPECT_EQ(faults_without_file({{"POSTHOUSE_UPSTREAM", "smtps://u:hunter2@h?connections=0&colour=red"},
                                   {"POSTHOUSE_LISTEN", "localhost:25"},
                                   {"POSTHOUSE_HOSTNAME", "_"},
                                   {"POSTHOUSE_NETWORKS", "10.0.0.1/8"}}),
              "$POSTHOUSE_NETWORKS: clients.networks[1]: \"10.0.0.1/8\" has address bits set behind its "
              "prefix; write "
              "10.0.0.0/8\n"
              "$POSTHOUSE_LISTEN: listen[1].address: \"localhost:25\" has no numeric address before its "
              "port; write "
              "127.0.0.1:2525, [::1]:2525, :2525 or unix:/path\n"
              "$POSTHOUSE_UPSTREAM: upstreams.default.connections: \"0\" is not a number from 1 to 1000\n"
              "$POSTHOUSE_UPSTREAM: upstreams.default: the key \"colour\" is not known; the keys here are "
              "host, port, tls, "
              "verify, auth, login, password, auth_in_clear, connections, messages_per_connection, "
              "max_message_size, "
              "max_recipients, limits, uncertain, eight_bit, recovery, timeouts, hosts\n");
}

TEST(Load, FindsTheFile) {
    const TemporaryDirectory directory;
    Environment environment = environment_for_tests();
    EXPECT_EQ(find_file("", environment), std::nullopt);
    environment.standard_file = directory.write("posthouse.yaml", kLeast);
    EXPECT_EQ(find_file("", environment), environment.standard_file);
    environment.variables["POSTHOUSE_CONFIG"] = "/from/variable";
    EXPECT_EQ(find_file("", environment), "/from/variable");
    EXPECT_EQ(find_file("named", environment), "named");
    EXPECT_TRUE(load_found(directory.path() / "posthouse.yaml", environment));
    EXPECT_FALSE(load_found("", environment)) << "a file that was asked for must be there";
}

TEST(Environment, OfThisMachineIsUsable) {
    const Environment environment = environment_of_this_machine();
    EXPECT_FALSE(environment.variable("PATH").empty());
    EXPECT_FALSE(environment.hostname().empty());
    EXPECT_GE(environment.processors, 1U);
    const TemporaryDirectory directory;
    EXPECT_TRUE(environment.readable(directory.write("f", "x")));
    EXPECT_EQ(environment.readable(directory.path() / "absent").error().message(),
              "No such file or directory");
    EXPECT_EQ(environment.read_secret(directory.write("s", "x"), true), "x");
}

}  // namespace
}  // namespace posthouse::config
