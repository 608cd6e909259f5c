// Makes a TorchScript file where there is no Python: write_script_module FILE.
#include "tests/worker/script_module_file.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  espalier::write_script_module(argv[1]);
  return 0;
}
