// Makes a TorchScript file where there is no Python: write_script_module FILE [loud|hangs|fills_memory|crashes].
#include <map>
#include <string>

#include "tests/worker/torchscript/script_module_file.h"

int main(int argc, char** argv) {
  using espalier::Poison;
  const std::map<std::string, Poison> poisons{
      {"hangs", Poison::hangs}, {"fills_memory", Poison::fills_memory}, {"crashes", Poison::crashes}};
  const bool loud = argc == 3 && argv[2] == std::string("loud");
  if (argc < 2 || argc > 3 || (argc == 3 && !loud && !poisons.contains(argv[2]))) return 2;
  if (loud) {
    espalier::write_loud_script_module(argv[1]);
  } else if (argc == 3) {
    espalier::write_poison(argv[1], poisons.at(argv[2]));
  } else {
    espalier::write_script_module(argv[1]);
  }
  return 0;
}
