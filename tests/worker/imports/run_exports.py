"""run_exports.py FOLDER PAGE NAME:SIZES ...: what Python's torch makes of exported networks.

PAGE is docs/export.md, whose first lines of Python read safetensors. Of each NAME the folder has NAME.pt, NAME.safetensors
and NAME.input, float32 numbers of [SIZES]; the outputs go to NAME_torchscript.output and NAME_safetensors.output. The
tensors of NAME.safetensors are put into torchvision's network of that name, if there is one, and otherwise into the
module of NAME.pt, whose own are set to zero before. Exits with 77 where torch or numpy are missing.
"""
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import numpy
    import torch
except ImportError as missing:
    print(missing)
    sys.exit(77)

with open(sys.argv[2]) as page:
    exec(page.read().split("```python\n")[1].split("```")[0])  # load and put


def with_tensors(name, stem):
    tensors = load(stem + ".safetensors")
    if name == "resnet18":
        from torchvision import models
        net = models.resnet18().eval()
        put(net, tensors)
        return net
    net = torch.jit.load(stem + ".pt")
    for numbers in [*net.parameters(), *net.buffers()]:
        numbers.zero_()
    net.load_state_dict(tensors)
    return net


with torch.no_grad():
    for one in sys.argv[3:]:
        name, sizes = one.split(":")
        stem = os.path.join(sys.argv[1], name)
        x = torch.from_numpy(numpy.fromfile(stem + ".input", "f4").reshape([int(size) for size in sizes.split("x")]))
        torch.jit.load(stem + ".pt")(x).numpy().tofile(stem + "_torchscript.output")
        with_tensors(name, stem)(x).numpy().tofile(stem + "_safetensors.output")
