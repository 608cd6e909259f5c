#include "experiments/parse/read_yaml.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "base/utf8.h"

namespace espalier {
namespace {

constexpr std::size_t kDeepestYaml = 32;
constexpr int kMostValues = 100'000;
constexpr std::size_t kMostKeys = 1'000;
constexpr std::size_t kLongestKeyPath = 500;      // bytes; every value holds its own
constexpr std::int64_t kMostFlowMarks = 300'000;  // 100,000 values in brackets of their own, and the commas between

struct Refusal {
  KeyPlace place;
  std::string message;
};

/// Builds the tree from yaml-cpp's events, so that a bomb is refused while it is still a text.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const KeyPlace& root, bool in_file, Problems& problems)
      : root_(root), in_file_(in_file), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (tree_) throw Refusal{place(mark), "a sweep is one YAML document; this starts a second one"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(start(mark, "", anchor, YamlValue::Kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool is_key = !open_.empty() && open_.back().value.kind == YamlValue::Kind::map && !open_.back().key;
    if (is_key) {
      take_key(mark, anchor, text);
      return;
    }
    YamlValue value = start(mark, tag, anchor, YamlValue::Kind::scalar);
    value.text = text;
    value.quoted = tag == "!";
    if (!value.quoted && (text == "~" || text == "null")) value.kind = YamlValue::Kind::null;
    add(std::move(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(start(mark, tag, anchor, YamlValue::Kind::list), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(start(mark, tag, anchor, YamlValue::Kind::map), mark);
  }
  void OnMapEnd() override { close(); }

  std::optional<YamlValue> take_tree() { return std::move(tree_); }
  KeyPlace place(const YAML::Mark& mark) const {
    KeyPlace place = root_;
    if (in_file_) {
      place.line = mark.line + 1;
      place.column = mark.column + 1;
    }
    return place;
  }

 private:
  struct Open {
    YamlValue value;
    std::optional<YamlEntry> key;  // a map's key that waits for its value
  };

  [[noreturn]] void refuse_anchor(const YAML::Mark& mark) const {
    throw Refusal{place(mark), "anchors and aliases (& and *) are not used in sweeps; write the value out"};
  }

  void refuse_long(const std::string& path, const YAML::Mark& mark) const {
    if (path.size() > kLongestKeyPath) throw Refusal{place(mark), "the keys down to here are longer than 500 bytes"};
  }

  std::string next_path() const {
    if (open_.empty()) return root_.path;
    const Open& parent = open_.back();
    if (parent.value.kind == YamlValue::Kind::list) {
      return parent.value.place.path + "[" + std::to_string(parent.value.items.size()) + "]";
    }
    return parent.key ? parent.key->place.path : parent.value.place.path;
  }

  YamlValue start(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlValue::Kind kind) {
    if (anchor != 0) refuse_anchor(mark);
    const bool is_map = !open_.empty() && open_.back().value.kind == YamlValue::Kind::map;
    if (is_map && !open_.back().key) throw Refusal{place(mark), "a key is one word; is a bracket left open?"};
    if (!tag.empty() && tag != "?" && tag != "!") throw Refusal{place(mark), "tags are not used in sweeps: " + tag};
    if (++values_ > kMostValues) throw Refusal{place(mark), "more than 100000 values"};
    YamlValue value;
    value.kind = kind;
    value.place = place(mark);
    value.place.path = next_path();
    refuse_long(value.place.path, mark);
    return value;
  }

  void take_key(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& text) {
    if (anchor != 0) refuse_anchor(mark);
    Open& parent = open_.back();
    if (parent.value.entries.size() >= kMostKeys) throw Refusal{place(mark), "more than 1000 keys in one map"};
    KeyPlace key_place = place(mark);
    const std::string& base = parent.value.place.path;
    refuse_long(text, mark);
    key_place.path = base.empty() ? text : base + "." + text;
    if (parent.value.find(text) != nullptr) problems_.add(key_place, "is given twice; keep one of them");
    parent.key = YamlEntry{text, std::move(key_place), {}};
  }

  void open(YamlValue value, const YAML::Mark& mark) {
    if (open_.size() >= kDeepestYaml) throw Refusal{place(mark), "nested deeper than 32"};
    open_.push_back({std::move(value), std::nullopt});
  }

  void close() {
    YamlValue value = std::move(open_.back().value);
    open_.pop_back();
    add(std::move(value));
  }

  void add(YamlValue value) {
    if (open_.empty()) {
      tree_ = std::move(value);
    } else if (open_.back().value.kind == YamlValue::Kind::list) {
      open_.back().value.items.push_back(std::move(value));
    } else {
      open_.back().key->value = std::move(value);
      open_.back().value.entries.push_back(std::move(*open_.back().key));
      open_.back().key.reset();
    }
  }

  KeyPlace root_;
  bool in_file_;
  Problems& problems_;
  std::vector<Open> open_;
  std::optional<YamlValue> tree_;
  int values_ = 0;
};

bool is_flow_mark(char c) {
  return c == '[' || c == ']' || c == '{' || c == '}' || c == ',';
}

KeyPlace place_at(std::string_view text, std::size_t offset, KeyPlace place, bool in_file) {
  if (!in_file) return place;
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  place.line = 1 + static_cast<int>(std::ranges::count(before, '\n'));
  place.column = 1 + static_cast<int>(newline == std::string_view::npos ? offset : offset - newline - 1);
  return place;
}

/// Invisible characters in the text, where it cannot be parsed: only blanks and line breaks are space to YAML.
std::string hidden_cause(std::string_view text, const KeyPlace& root, bool in_file) {
  const Invisible invisible = find_invisible(text);
  if (invisible.name.empty()) return "";
  const KeyPlace place = place_at(text, invisible.at, root, in_file);
  const std::string where = in_file ? " in line " + std::to_string(place.line) : "";
  return "; " + invisible.name + where + ", no blank: type it anew";
}

}  // namespace

std::optional<YamlValue> read_yaml(std::string_view text, const KeyPlace& root, bool in_file, Problems& problems) {
  if (text.size() > kLargestSweepFile) {
    problems.add(root, "is " + std::to_string(text.size()) + " bytes; a sweep has at most 1048576");
    return std::nullopt;
  }
  if (const std::size_t good = utf8_prefix(text); good < text.size()) {
    problems.add(place_at(text, good, root, in_file), "is not UTF-8, the encoding of sweeps");
    return std::nullopt;
  }
  // yaml-cpp keeps every token until it knows whether a bracket that was opened before is a key.
  if (std::ranges::count_if(text, is_flow_mark) > kMostFlowMarks) {
    problems.add(root, "more than 100000 values");
    return std::nullopt;
  }
  TreeBuilder builder(root, in_file, problems);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    problems.add(refusal.place, refusal.message);
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    problems.add(builder.place(error.mark), "is not YAML: " + error.msg + hidden_cause(text, root, in_file));
    return std::nullopt;
  }
  std::optional<YamlValue> tree = builder.take_tree();
  if (!tree) {
    tree.emplace();
    tree->place = root;
  }
  return tree;
}

}  // namespace espalier
