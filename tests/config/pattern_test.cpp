#include "config/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace posthouse::config {
namespace {

TEST(Patterns, MatchTheWholeTextInEitherCase) {
    struct Case {
        std::string_view pattern;
        std::string_view text;
        bool matched;
    };
    for (const Case& c : {Case{"*@shop.example", "Info@SHOP.example", true},
                          {"*@shop.example", "info@shop.example.evil", false},
                          {"*@shop.example", "@shop.example", true},
                          {"shop@*", "shop@a", true},
                          {"shop@*", "eshop@a", false},
                          {"*", "", true},
                          {"", "", true},
                          {"", "a", false},
                          {"a*b*c", "aXbXbXc", true},
                          {"a*b*c", "aXbXcX", false},
                          {"**a**", "bab", true},
                          {"a.b", "aXb", false},
                          {"[a]", "a", false}}) {
        EXPECT_EQ(matches(c.pattern, c.text), c.matched) << c.pattern << " " << c.text;
    }
}

TEST(Patterns, StayFastOnHostileText) {
    std::string pattern;
    for (int i = 0; i < 200; ++i)
        pattern += "*a";
    // 200 stars against 50,000 letters: exponential backtracking would never end.
    EXPECT_FALSE(matches(pattern + "b", std::string(50'000, 'a')));
}

}  // namespace
}  // namespace posthouse::config
