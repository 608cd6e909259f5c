// Makes a TorchScript file where there is no Python: write_script_module FILE [hangs|fills_memory|crashes].
#include <map>
#include <string>

#include "tests/worker/script_module_file.h"

int main(int argc, char** argv) {
  using espalier::Poison;
  const std::map<std::string, Poison> poisons{
      {"hangs", Poison::hangs}, {"fills_memory", Poison::fills_memory}, {"crashes", Poison::crashes}};
  if (argc < 2 || argc > 3 || (argc == 3 && !poisons.contains(argv[2]))) return 2;
  if (argc == 3) {
    espalier::write_poison(argv[1], poisons.at(argv[2]));
  } else {
    espalier::write_script_module(argv[1]);
  }
  return 0;
}
