#include "experiments/operators/rewrites/rewrite.h"

#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "experiments/operators/graph_builder.h"
#include "experiments/operators/operator.h"

namespace espalier {
namespace {

using testing::ElementsAre;

/// The operators of what a graph of x [N, 3, 8] is rewritten to.
class Rewrites : public testing::Test {
 protected:
  ValueIndex number(const char* op, ValueIndex value, double number) {
    return builder_.add(op, "", {value}, {{std::string(op) == "Pow" ? "exponent" : "number", number}});
  }
  ValueIndex mean(ValueIndex value) {
    return builder_.add("ReduceMean", "", {value},
                        {{"dims", std::vector<std::int64_t>{2}}, {"keep_dims", std::int64_t{1}}});
  }
  ValueIndex clip(ValueIndex value, double most) {
    return builder_.add("Clip", "", {value}, {{"min", 0.0}, {"max", most}});
  }
  ValueIndex vector(const std::string& name, std::int64_t size = 8) {
    return builder_.parameter(name, {size}, ParameterRole::other);
  }
  std::vector<std::string> operators_of(ValueIndex output) {
    graph_ = rewritten(builder_.finish(output));
    std::vector<std::string> names;
    for (const Node& node : graph_.nodes()) names.emplace_back(node.op->name());
    return names;
  }
  ParameterRole role_of(const std::string& name) const {
    for (const Value& value : graph_.values()) {
      if (value.name == name) return value.role;
    }
    ADD_FAILURE() << "no parameter " << name;
    return ParameterRole::other;
  }

  enum class Square { power, product, power_of_another, doubled };
  /// d / sqrt(mean(d^2) + epsilon) scale + shift of d = x - mean(x).
  ValueIndex norm(Square how) {
    const ValueIndex difference = builder_.add("Sub", "", {x_, mean(x_)});
    const ValueIndex squared = how == Square::power_of_another ? builder_.add("Sub", "", {x_, mean(x_)}) : difference;
    ValueIndex square =
        how == Square::product ? builder_.add("Mul", "", {squared, squared}) : number("Pow", squared, 2);
    if (how == Square::doubled) square = number("MulNumber", square, 2);
    const ValueIndex root = builder_.add("Sqrt", "", {number("AddNumber", mean(square), 1e-6)});
    const ValueIndex quotient = builder_.add("Div", "", {difference, root});
    return builder_.add("Add", "", {builder_.add("Mul", "", {quotient, vector("ln.weight")}), vector("ln.bias")});
  }
  /// 1 + erf(x / sqrt(2)).
  ValueIndex error_function(double scale = 1 / std::numbers::sqrt2) {
    return number("AddNumber", builder_.add("Erf", "", {number("MulNumber", x_, scale)}), 1);
  }

  GraphBuilder builder_;
  const ValueIndex x_ = builder_.input({3, 8});
  OperatorGraph graph_;
};

TEST_F(Rewrites, know_a_layer_norm_by_its_mean_and_variance) {
  EXPECT_THAT(operators_of(norm(Square::power)), ElementsAre("LayerNorm"));
  EXPECT_EQ(graph_.nodes()[0].name, "ln");
  EXPECT_EQ(graph_.nodes()[0].number("epsilon"), 1e-6);
  EXPECT_EQ(role_of("ln.weight"), ParameterRole::scale);
  EXPECT_EQ(role_of("ln.bias"), ParameterRole::bias);
}

TEST_F(Rewrites, know_a_layer_norm_that_multiplies_by_itself) {
  EXPECT_THAT(operators_of(norm(Square::product)), ElementsAre("LayerNorm"));
}

TEST_F(Rewrites, know_a_layer_norm_that_takes_its_mean_twice) {
  EXPECT_THAT(operators_of(norm(Square::power_of_another)), ElementsAre("LayerNorm"));
}

TEST_F(Rewrites, leave_what_is_no_layer_norm) {
  EXPECT_THAT(operators_of(norm(Square::doubled)), testing::Not(testing::Contains("LayerNorm")));
}

TEST_F(Rewrites, know_gelu_with_its_half_on_any_factor) {
  EXPECT_THAT(operators_of(number("MulNumber", builder_.add("Mul", "", {x_, error_function()}), 0.5)),
              ElementsAre("Gelu"));
}

TEST_F(Rewrites, know_gelu_with_its_half_on_the_value) {
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {number("MulNumber", x_, 0.5), error_function()})),
              ElementsAre("Gelu"));
}

TEST_F(Rewrites, know_gelu_with_its_half_on_the_sum) {
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {x_, number("MulNumber", error_function(), 0.5)})),
              ElementsAre("Gelu"));
}

TEST_F(Rewrites, leave_an_error_function_of_another_scale) {
  EXPECT_THAT(operators_of(number("MulNumber", builder_.add("Mul", "", {x_, error_function(0.8)}), 0.5)),
              testing::Not(testing::Contains("Gelu")));
}

TEST_F(Rewrites, know_silu) {
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {builder_.add("Sigmoid", "", {x_}), x_})), ElementsAre("Silu"));
}

TEST_F(Rewrites, leave_the_gate_of_another_value) {
  const ValueIndex other = builder_.add("Exp", "", {x_});
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {builder_.add("Sigmoid", "", {x_}), other})),
              ElementsAre("Exp", "Sigmoid", "Mul"));
}

TEST_F(Rewrites, know_hard_swish) {
  const ValueIndex clipped = clip(number("AddNumber", x_, 3), 6);
  EXPECT_THAT(operators_of(number("MulNumber", builder_.add("Mul", "", {x_, clipped}), 1.0 / 6)),
              ElementsAre("HardSwish"));
}

TEST_F(Rewrites, know_hard_swish_by_its_gate) {
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {x_, builder_.add("HardSigmoid", "", {x_})})),
              ElementsAre("HardSwish"));
}

TEST_F(Rewrites, leave_a_clip_at_another_number) {
  const ValueIndex clipped = clip(number("AddNumber", x_, 3), 5);
  EXPECT_THAT(operators_of(number("MulNumber", builder_.add("Mul", "", {x_, clipped}), 1.0 / 6)),
              testing::Not(testing::Contains("HardSwish")));
}

TEST_F(Rewrites, give_a_linear_layer_the_bias_that_is_added_to_it) {
  const ValueIndex product = builder_.linear("fc", x_, 5, false);
  EXPECT_THAT(operators_of(builder_.add("Add", "", {vector("fc.bias", 5), product})), ElementsAre("Linear"));
  EXPECT_EQ(graph_.nodes()[0].name, "fc");
  EXPECT_EQ(role_of("fc.bias"), ParameterRole::bias);
}

TEST_F(Rewrites, leave_what_is_added_to_a_layer_that_others_read) {
  const ValueIndex product = builder_.linear("fc", x_, 5, false);
  const ValueIndex sum = builder_.add("Add", "", {product, vector("b", 5)});
  EXPECT_THAT(operators_of(builder_.add("Mul", "", {sum, product})), ElementsAre("Linear", "Add", "Mul"));
}

TEST_F(Rewrites, drop_what_nothing_reads) {
  builder_.linear("unread", x_, 5);
  EXPECT_THAT(operators_of(builder_.add("Relu", "", {x_})), ElementsAre("Relu"));
  EXPECT_EQ(graph_.values().size(), 2u);
}

}  // namespace
}  // namespace espalier
