#include "worker/task/task.h"

#include <vector>

#include "base/error.h"
#include "base/suggest.h"

namespace espalier {
namespace {

struct TaskEntry {
  const char* name;
  const Task& (*get)();
};
constexpr TaskEntry kTasks[] = {
#define ESPALIER_TASK(name, loss, metrics, about) {#name, task_##name},
#include "experiments/catalog/tasks.def"
#undef ESPALIER_TASK
};

}  // namespace

const Task& find_task(std::string_view name) {
  std::vector<std::string> choices;
  for (const TaskEntry& entry : kTasks) {
    if (entry.name == name) return entry.get();
    choices.emplace_back(entry.name);
  }
  throw Error(ErrorKind::invalid_input, "task: " + unknown_name(name, choices));
}

}  // namespace espalier
