#include "config/endpoint.h"

#include <gtest/gtest.h>

namespace posthouse::config {
namespace {

struct EndpointCase {
    std::string_view text;
    Endpoint endpoint;
    std::string_view printed;
    bool loopback;
};

TEST(Endpoints, AreReadAndPrinted) {
    for (const EndpointCase& c :
         {EndpointCase{"127.0.0.1:2525", TcpEndpoint{"127.0.0.1", 2525}, "127.0.0.1:2525", true},
          {"[::1]:587", TcpEndpoint{"::1", 587}, "[::1]:587", true},
          {"[0:0::0:1]:587", TcpEndpoint{"::1", 587}, "[::1]:587", true},
          {":2525", TcpEndpoint{"", 2525}, ":2525", false},
          {"0.0.0.0:25", TcpEndpoint{"0.0.0.0", 25}, "0.0.0.0:25", false},
          {"[2001:DB8::1]:25", TcpEndpoint{"2001:db8::1", 25}, "[2001:db8::1]:25", false},
          {"127.0.0.1:0", TcpEndpoint{"127.0.0.1", 0}, "127.0.0.1:0", true},
          {"unix:/run/x.sock", UnixEndpoint{"/run/x.sock"}, "unix:/run/x.sock", true}}) {
        const auto parsed = parse_endpoint(c.text);
        ASSERT_TRUE(parsed) << c.text << ": " << to_string(parsed.error());
        EXPECT_EQ(*parsed, c.endpoint) << c.text;
        EXPECT_EQ(to_string(*parsed), c.printed);
        EXPECT_EQ(is_loopback(*parsed), c.loopback) << c.text;
        EXPECT_EQ(parse_endpoint(c.printed), parsed) << c.printed;
    }
}

TEST(Endpoints, RefuseWhatIsNone) {
    constexpr std::string_view kAdvice = "; write 127.0.0.1:2525, [::1]:2525, :2525 or unix:/path";
    const auto message = [](std::string_view text) {
        const auto parsed = parse_endpoint(text);
        return parsed ? "accepted " + std::string(text) : to_string(parsed.error());
    };
    EXPECT_EQ(message(""), R"("" is not an address with a port)" + std::string(kAdvice));
    EXPECT_EQ(message("127.0.0.1"), R"("127.0.0.1" is not an address with a port)" + std::string(kAdvice));
    EXPECT_EQ(message("127.0.0.1:"),
              R"(the port in "127.0.0.1:" is not a number from 0 to 65535)" + std::string(kAdvice));
    EXPECT_EQ(message("127.0.0.1:65536"),
              R"(the port in "127.0.0.1:65536" is not a number from 0 to 65535)" + std::string(kAdvice));
    EXPECT_EQ(message("localhost:25"),
              R"("localhost:25" has no numeric address before its port)" + std::string(kAdvice));
    EXPECT_EQ(message("[127.0.0.1]:25"),
              R"("[127.0.0.1]:25" has no numeric address before its port)" + std::string(kAdvice));
    EXPECT_EQ(message("::1:25"), R"(the IPv6 address in "::1:25" needs brackets; write it like [::1]:2525)");
    EXPECT_EQ(message("unix:"), "the path of the socket is missing; write unix:/path/of/the/socket");
    const std::string long_path = "unix:/" + std::string(107, 'x');
    EXPECT_EQ(parse_endpoint(long_path).error().advice, "choose a shorter one");
    EXPECT_TRUE(parse_endpoint(long_path.substr(0, long_path.size() - 1)));
}

TEST(Networks, ContainTheirAddresses) {
    struct Case {
        std::string_view network;
        std::string_view address;
        bool contained;
    };
    for (const Case& c : {Case{"127.0.0.0/8", "127.255.0.1", true},
                          {"127.0.0.0/8", "128.0.0.1", false},
                          {"10.1.2.3", "10.1.2.3", true},
                          {"10.1.2.3", "10.1.2.4", false},
                          {"10.0.0.0/9", "10.127.255.255", true},
                          {"10.0.0.0/9", "10.128.0.0", false},
                          {"0.0.0.0/0", "255.255.255.255", true},
                          {"0.0.0.0/0", "::1", false},
                          {"::/0", "2001:db8::1", true},
                          {"::1/128", "::1", true},
                          {"::1/128", "127.0.0.1", false},
                          {"2001:db8::/33", "2001:db8:7fff::", true},
                          {"2001:db8::/33", "2001:db8:8000::", false}}) {
        const auto network = parse_network(c.network);
        ASSERT_TRUE(network) << c.network;
        EXPECT_EQ(contains(*network, *parse_address(c.address)), c.contained)
            << c.network << " " << c.address;
        EXPECT_EQ(parse_network(to_string(*network)), network) << to_string(*network);
    }
}

TEST(Networks, RefuseWhatIsNone) {
    const auto message = [](std::string_view text) {
        const auto parsed = parse_network_or_complain(text);
        return parsed ? "accepted " + std::string(text) : to_string(parsed.error());
    };
    constexpr std::string_view kAdvice = "; write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32";
    EXPECT_EQ(message(""), R"("" is not a network)" + std::string(kAdvice));
    EXPECT_EQ(message("10.0/8"), R"("10.0/8" is not a network)" + std::string(kAdvice));
    EXPECT_EQ(message("10.0.0.0/33"), R"(the prefix length of "10.0.0.0/33" is not a number from 0 to 32)");
    EXPECT_EQ(message("::/129"), R"(the prefix length of "::/129" is not a number from 0 to 128)");
    EXPECT_EQ(message("10.0.0.0/"), R"(the prefix length of "10.0.0.0/" is not a number from 0 to 32)");
    EXPECT_EQ(message("10.1.2.3/8"),
              R"("10.1.2.3/8" has address bits set behind its prefix; write 10.0.0.0/8)");
    EXPECT_EQ(message("::ffff:10.0.0.0/104"),
              R"("::ffff:10.0.0.0/104" is an IPv4 network written as IPv6; write the IPv4 form)");
}

TEST(DomainNames, FollowTheRulesOfDns) {
    for (const std::string_view good : {"a", "mail.example.org", "a-b.c_d.e1", "xn--bcher-kva.example"}) {
        EXPECT_TRUE(is_domain_name(good)) << good;
    }
    const std::string long_label(64, 'a');
    for (const std::string_view bad :
         {"", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a b", "a/b", "ü.de", "a:1"}) {
        EXPECT_FALSE(is_domain_name(bad)) << bad;
    }
    EXPECT_FALSE(is_domain_name(long_label));
    EXPECT_TRUE(is_domain_name(std::string_view(long_label).substr(1)));
}

}  // namespace
}  // namespace posthouse::config
