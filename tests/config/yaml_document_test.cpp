#include "config/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace posthouse::config {
namespace {

using ::testing::HasSubstr;

std::string first_fault(std::string_view text) {
    const YamlDocument document = parse_yaml(text, "f.yaml");
    return document.faults.empty() ? "accepted" : to_string(document.faults.front());
}

TEST(YamlDocument, KeepsOrderPlacesAndQuotes) {
    const YamlDocument document = parse_yaml("b: 1\na:\n  - x\n  - \"2\"\nc: {d: ~}\n", "f.yaml");
    ASSERT_TRUE(document.readable);
    ASSERT_TRUE(document.faults.empty());
    ASSERT_EQ(document.root.children.size(), 3U);
    EXPECT_EQ(document.root.children[0].key, "b");
    EXPECT_EQ(document.root.children[0].mark.column, 4);
    const Node& list = *document.root.find("a");
    ASSERT_EQ(list.kind, Node::Kind::List);
    EXPECT_EQ(list.children[1].text, "2");
    EXPECT_FALSE(list.children[1].plain);
    EXPECT_EQ(list.children[1].mark.line, 4);
    EXPECT_EQ(list.children[1].mark.column, 5);
    EXPECT_EQ(document.root.find("c")->find("d")->kind, Node::Kind::Null);
}

TEST(YamlDocument, RefusesAnchorsAliasesAndTags) {
    EXPECT_EQ(first_fault("a: &x 1\n"),
              "f.yaml:1:4: anchors and aliases (& and *) are not taken; write the value out; quote a text "
              "that begins "
              "with & or *");
    EXPECT_THAT(first_fault("a: &x [1]\nb: *x\n"), HasSubstr("f.yaml:1:4: anchors and aliases"));
    EXPECT_THAT(first_fault("a: &a [&b [x,x],*b,*b]\n"), HasSubstr("anchors and aliases"));
    EXPECT_THAT(first_fault("a: !!binary aGk=\n"), HasSubstr("tags (!) are not taken"));
    EXPECT_THAT(first_fault("a: !x {b: c}\n"), HasSubstr("tags (!) are not taken"));
    EXPECT_EQ(first_fault("a: \"*x\"\n"), "accepted");
}

TEST(YamlDocument, RefusesDuplicateKeysButReadsOn) {
    const YamlDocument document = parse_yaml("a: 1\nb: {c: 1, c: 2}\na: 2\n", "f.yaml");
    EXPECT_TRUE(document.readable);
    EXPECT_EQ(to_string(document.faults),
              "f.yaml:2:11: the key \"c\" is here twice; remove one of them\n"
              "f.yaml:3:1: the key \"a\" is here twice; remove one of them\n");
    EXPECT_EQ(document.root.find("a")->text, "1");
}

TEST(YamlDocument, BoundsSizeAndDepth) {
    EXPECT_EQ(first_fault("# " + std::string((1U << 20U) - 1, 'x')),
              "f.yaml: the file is larger than 1 MiB; is it the right one?");
    EXPECT_EQ(first_fault("# " + std::string((1U << 20U) - 2, 'x')), "accepted");
    EXPECT_EQ(first_fault(std::string(32, '[') + std::string(32, ']')), "accepted");
    EXPECT_EQ(first_fault(std::string(33, '[') + std::string(33, ']')),
              "f.yaml:1:33: the nesting is deeper than 32 levels");
    for (const char c : {'[', '{', '"', '&', '!'}) {
        EXPECT_THAT(first_fault(std::string(100'000, c)), HasSubstr("f.yaml:1:")) << c;
    }
    std::string many = "a:\n";
    for (int i = 0; i < 100'001; ++i)
        many += "- 1\n";
    EXPECT_THAT(first_fault(many), HasSubstr("more than 100000 values"));
    std::string indented;
    for (std::size_t i = 0; i < 500; ++i)
        indented += std::string(i, ' ') + "a:\n";
    EXPECT_THAT(first_fault(indented), HasSubstr("deeper than 32 levels"));
}

TEST(YamlDocument, RefusesWhatIsNotPrintableUtf8) {
    EXPECT_EQ(first_fault("a: 1\nb: \xff\n"),
              "f.yaml:2:4: the octet 0xff is not UTF-8 text; save the file as UTF-8");
    for (const std::string_view bad : {"\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc3",
                                       "\x80", "\x01", "\x7f", "\xf0\x80\x80\x80"}) {
        EXPECT_THAT(first_fault("a: " + std::string(bad)), HasSubstr("is not UTF-8 text")) << bad;
    }
    EXPECT_THAT(first_fault(std::string_view("a: \0", 4)), HasSubstr("octet 0x00"));
    EXPECT_EQ(first_fault("\xEF\xBB\xBF"
                          "a: \xc3\xbc\n"),
              "accepted");
    EXPECT_THAT(first_fault(std::string_view("\xFF\xFE"
                                             "a\0:\0",
                                             6)),
                HasSubstr("octet 0xff"));
}

TEST(YamlDocument, RefusesBrokenSyntaxWithItsPlace) {
    EXPECT_THAT(first_fault("a: [1, 2\n"), HasSubstr("this is not YAML"));
    EXPECT_THAT(first_fault("a: b: c\n"), HasSubstr("f.yaml:1:5: this is not YAML"));
    EXPECT_THAT(first_fault("a: 1\n b: 2\n"), HasSubstr("f.yaml:2:3: this is not YAML"));
    EXPECT_EQ(first_fault("a: \"x\n"), "f.yaml:1:4: the quote is not closed on its line; close it");
    EXPECT_EQ(first_fault("ü: \"x\nb: \"y\"\n"), "f.yaml:1:5: the quote is not closed on its line; close it");
    EXPECT_EQ(first_fault("a: 'it''s\n"), "f.yaml:1:4: the quote is not closed on its line; close it");
    EXPECT_EQ(first_fault("a: \"x\\\"\n"), "f.yaml:1:4: the quote is not closed on its line; close it");
    EXPECT_EQ(first_fault("a: ['it''s', \"x\\\"y\"]\nb: it's\n"), "accepted");
    EXPECT_THAT(first_fault("a:\n\t- x\n"), HasSubstr("this is not YAML"));
    EXPECT_THAT(first_fault("? [a]\n: b\n"), HasSubstr("a key must be a text"));
    EXPECT_THAT(first_fault("a: 1\n---\nb: 2\n"), HasSubstr("the file holds a second document"));
}

TEST(YamlDocument, TakesAnEmptyFile) {
    for (const std::string_view text : {"", "\n", "# nothing\n", "---\n"}) {
        const YamlDocument document = parse_yaml(text, "f.yaml");
        EXPECT_TRUE(document.readable);
        EXPECT_TRUE(document.faults.empty());
        EXPECT_EQ(document.root.kind, Node::Kind::Null);
    }
}

}  // namespace
}  // namespace posthouse::config
