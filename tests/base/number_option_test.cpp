#include "base/number_option.h"

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

namespace espalier {
namespace {

/// What `espalier --n TEXT` says; "" if it takes it.
template <typename Number>
std::string refusal(const CLI::Validator& range, const std::string& text, Number& number) {
  CLI::App app;
  app.add_option("--n", number)->check(range);
  try {
    app.parse(std::vector<std::string>{"--n=" + text});
    return "";
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
}

TEST(NumberOption, not_a_number_is_in_no_range) {
  double number = -1;
  for (const char* text : {"nan", "NAN", "-nan", "nan(1)", "inf", "-inf", "1e999", "0x1p3", "", " 1", "1 ", "1,5"})
    EXPECT_NE(refusal(number_option(0, 1e9), text, number), "") << text;
  EXPECT_EQ(number, -1);
  EXPECT_EQ(refusal(number_option(0, 1000), "nan", number), "--n: expected a number from 0 to 1000, found nan");
}

TEST(NumberOption, bounds_are_in_the_range) {
  double number = -1;
  EXPECT_EQ(refusal(number_option(0.01, 3600), "0.01", number), "");
  EXPECT_EQ(number, 0.01);
  EXPECT_EQ(refusal(number_option(0.01, 3600), "3.6e3", number), "");
  EXPECT_EQ(number, 3600);
  EXPECT_EQ(refusal(number_option(0.01, 3600), "3600.1", number),
            "--n: expected a number from 0.01 to 3600, found 3600.1");
}

TEST(NumberOption, whole_numbers_are_decimal_and_do_not_wrap) {
  std::uint64_t seed = 7;
  for (const char* text :
       {"-1", "18446744073709551615", "99999999999999999999", "1.5", "1e3", "0x10", "010", "nan", ""})
    EXPECT_NE(refusal(whole_number_option(0, INT64_MAX), text, seed), "") << text;
  EXPECT_EQ(seed, 7U);
  EXPECT_EQ(refusal(whole_number_option(0, INT64_MAX), "9223372036854775807", seed), "");
  EXPECT_EQ(seed, 9223372036854775807U);
  EXPECT_EQ(refusal(whole_number_option(0, 10), "0", seed), "");
  EXPECT_EQ(seed, 0U);
}

TEST(NumberOption, what_was_found_is_printed_without_its_control_characters) {
  int number = 0;
  EXPECT_EQ(refusal(whole_number_option(1, 2), "1\x1b[31m", number),
            "--n: expected a whole number from 1 to 2, found 1\\x1b[31m");
}

}  // namespace
}  // namespace espalier
