#include "experiments/pools/pool_profile.h"

#include "experiments/parse/map_reader.h"
#include "experiments/parse/read_yaml.h"
#include "experiments/parse/scalars.h"
#include "experiments/pools/pool_words.h"
#include "experiments/pools/taken_options.h"

namespace espalier {
namespace {

using Fits = bool (*)(std::string_view);

class ProfileReader {
 public:
  ProfileReader(const YamlValue& tree, PoolProfile& profile, Problems& problems)
      : map_(tree, problems), profile_(profile), problems_(problems) {}

  void read() {
    if (const YamlValue* value = map_.find("scheduler")) {
      if (const auto name = parse_name(*value, {"slurm", "pbs"}, problems_))
        profile_.scheduler = *name == "pbs" ? Scheduler::pbs : Scheduler::slurm;
    }
    const std::string name = "a name of letters, digits and _ . - , @ + :";
    profile_.partition = word(map_, "partition", is_scheduler_name, name);
    profile_.account = word(map_, "account", is_scheduler_name, name);
    profile_.qos = word(map_, "qos", is_scheduler_name, name);
    profile_.constraint = word(map_, "constraint", is_scheduler_value, kValue);
    profile_.modules = words(map_, "modules", is_module_name, "a module's name, such as cuda/12.1");
    if (const YamlValue* value = map_.find("container")) read_container(*value);
    if (const YamlValue* value = map_.find("launcher")) {
      if (const auto found = parse_name(*value, {"mpirun", "srun"}, problems_))
        profile_.launcher = *found == "srun" ? Launcher::srun : Launcher::mpirun;
    }
    if (const auto mpi = word(map_, "mpi", is_scheduler_name, "a plugin's name, such as pmix")) profile_.mpi = *mpi;
    if (const YamlValue* value = map_.find("launcher_options")) read_launcher_options(*value);
    if (const YamlValue* value = map_.find("extra")) read_extra(*value);
    if (const YamlValue* value = map_.find("environment")) read_environment(*value);
    profile_.labels = words(map_, "labels", is_pool_name, "a label of letters, digits and _ . -");
    profile_.worker = word(map_, "worker", is_plain_word, kPlain);
    if (const YamlValue* value = map_.find("time")) read_time(*value);
    profile_.nodes = count("nodes", 1, 10000);
    profile_.ranks_per_node = count("ranks_per_node", 1, 4096);
    profile_.gpus_per_node = count("gpus_per_node", 0, 4096);
    profile_.margin_s = count("margin", 1, 86400);
    map_.finish();
  }

 private:
  static constexpr const char* kValue = "letters, digits and _ . , : = / @ + % * [ ] ( ) & | - without blanks";
  static constexpr const char* kPlain = "printable ASCII without quotes, backslash, $, %, # and backquote";

  std::optional<std::string> fitting(const YamlValue& value, Fits fits, const std::string& what) {
    if (value.kind == YamlValue::Kind::scalar && fits(value.text)) return value.text;
    problems_.add(value.place, "expected " + what + ", found " + describe(value));
    return std::nullopt;
  }
  std::optional<std::string> word(MapReader& map, const char* key, Fits fits, const std::string& what) {
    const YamlValue* value = map.find(key);
    return value == nullptr ? std::nullopt : fitting(*value, fits, what);
  }
  std::vector<std::string> words(MapReader& map, const char* key, Fits fits, const std::string& what) {
    std::vector<std::string> found;
    const YamlValue* value = map.find(key);
    if (value == nullptr) return found;
    if (value->kind != YamlValue::Kind::list) {
      problems_.add(value->place, "expected a list, found " + describe(*value));
      return found;
    }
    for (const YamlValue& item : value->items) {
      if (auto text = fitting(item, fits, what)) found.push_back(*text);
    }
    return found;
  }
  std::optional<std::int64_t> count(const char* key, std::int64_t least, std::int64_t most) {
    const YamlValue* value = map_.find(key);
    return value == nullptr ? std::nullopt : parse_count(*value, least, most, problems_);
  }

  void read_container(const YamlValue& value) {
    MapReader map(value, problems_);
    PoolContainer container;
    if (const auto program = word(map, "program", is_plain_word, kPlain)) container.program = *program;
    if (map.require("image", "the image that holds espalier-worker") != nullptr)
      container.image = word(map, "image", is_plain_word, kPlain).value_or("");
    container.arguments = words(map, "arguments", is_plain_word, kPlain);
    map.finish();
    profile_.container = container;
  }

  void read_launcher_options(const YamlValue& value) {
    profile_.launcher_options = words(map_, "launcher_options", is_plain_word, kPlain);
    for (const YamlValue& item : value.items) {
      if (const std::string why = why_no_launcher_option(item.text); !why.empty()) problems_.add(item.place, why);
    }
  }

  // `--exclusive`, `--mem=16G`; of PBS `-l place=scatter`.
  void read_extra(const YamlValue& value) {
    if (value.kind != YamlValue::Kind::list) {
      problems_.add(value.place, "expected a list, found " + describe(value));
      return;
    }
    const bool pbs = profile_.scheduler == Scheduler::pbs;
    for (const YamlValue& item : value.items) {
      const std::string& text = item.text;
      const std::string name = text.substr(0, text.find(pbs ? ' ' : '='));
      const std::string rest = name.size() < text.size() ? text.substr(name.size() + 1) : "";
      const bool named = pbs ? name.size() == 2 && name[0] == '-' && is_variable_name(name.substr(1))
                             : name.rfind("--", 0) == 0 && is_module_name(name.substr(2));
      const bool good =
          item.kind == YamlValue::Kind::scalar && named && (name.size() == text.size() || is_scheduler_value(rest));
      if (!good) {
        problems_.add(item.place, std::string("expected an option such as ") +
                                      (pbs ? "\"-l place=scatter\"" : "--mem=16G or --exclusive") + ", found " +
                                      describe(item));
        continue;
      }
      if (const std::string why = why_no_extra(pbs ? Scheduler::pbs : Scheduler::slurm, name, rest); !why.empty()) {
        problems_.add(item.place, why);
        continue;
      }
      profile_.extra.push_back(text);
    }
  }

  void read_environment(const YamlValue& value) {
    if (value.kind != YamlValue::Kind::map) {
      problems_.add(value.place, "expected a map of variables, found " + describe(value));
      return;
    }
    for (const YamlEntry& entry : value.entries) {
      if (!is_variable_name(entry.key)) {
        problems_.add(entry.place, "expected the name of a variable, found \"" + entry.key + "\"");
      } else if (const auto text = parse_text(entry.value, problems_)) {
        profile_.environment.emplace_back(entry.key, *text);
      }
    }
  }

  void read_time(const YamlValue& value) {
    if (value.kind == YamlValue::Kind::scalar) profile_.time_s = parse_time_limit(value.text);
    if (!profile_.time_s)
      problems_.add(value.place, std::string("expected ") + kTimeLimitForms + ", found " + describe(value));
  }

  MapReader map_;
  PoolProfile& profile_;
  Problems& problems_;
};

}  // namespace

std::string_view to_string(Scheduler scheduler) {
  return scheduler == Scheduler::pbs ? "pbs" : "slurm";
}
std::string_view to_string(Launcher launcher) {
  return launcher == Launcher::srun ? "srun" : "mpirun";
}

ParsedPoolProfile parse_pool_profile(std::string_view text, const std::string& file) {
  Problems problems;
  ParsedPoolProfile parsed;
  if (const std::optional<YamlValue> tree = read_yaml(text, {file, 1, 1, ""}, true, problems)) {
    ProfileReader(*tree, parsed.profile, problems).read();
  }
  parsed.diagnostics = problems.list();
  return parsed;
}

}  // namespace espalier
