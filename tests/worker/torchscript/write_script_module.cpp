// Makes a TorchScript file where there is no Python: write_script_module FILE
// [loud|looking|hangs|fills_memory|crashes].
#include <map>
#include <string>

#include "tests/worker/torchscript/script_module_file.h"

int main(int argc, char** argv) {
  using espalier::Poison;
  const std::map<std::string, Poison> poisons{
      {"hangs", Poison::hangs}, {"fills_memory", Poison::fills_memory}, {"crashes", Poison::crashes}};
  const std::string kind = argc == 3 ? argv[2] : "";
  if (argc < 2 || argc > 3) return 2;
  if (kind == "loud") {
    espalier::write_loud_script_module(argv[1]);
  } else if (kind == "looking") {
    espalier::write_looking_script_module(argv[1]);
  } else if (argc == 3 && !poisons.contains(kind)) {
    return 2;
  } else if (argc == 3) {
    espalier::write_poison(argv[1], poisons.at(kind));
  } else {
    espalier::write_script_module(argv[1]);
  }
  return 0;
}
