"""Writes classification networks of torchvision with random weights and ten classes as TorchScript.

torchvision_networks.py FOLDER SIDE NAME ...: FOLDER/NAME.pt, for images of SIDE x SIDE pixels; 0 stands for small ones
that the network takes, and "NAME/traced" for NAME traced in evaluation mode, into FOLDER/NAME_traced.pt. Prints a line
of JSON for each: {"file": ..., "input": [3, SIDE, SIDE], "classes": 10}. "--list" alone prints the names that there
are. Exits with 77 where torch or torchvision is missing.
"""
import json
import os
import sys

try:
    import torch
    from torchvision import models
except ImportError as missing:
    print(missing)
    sys.exit(77)

CLASSES = 10


def small_side(name):
    if name.startswith(("vit", "maxvit")):
        return 224  # others need one size
    return 96 if name.startswith("inception") else 64


def write(folder, side, name):
    builder, traced = name.split("/")[0], name.endswith("/traced")
    side = side or small_side(builder)
    torch.manual_seed(1)
    network = models.get_model(builder, weights=None, num_classes=CLASSES)
    # Statistics that differ: a batch norm that forgot them would not be seen otherwise.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    if traced:
        script = torch.jit.trace(network.eval(), torch.randn(2, 3, side, side), check_trace=False)
    else:
        script = torch.jit.script(network)
    file = os.path.join(folder, name.replace("/", "_") + ".pt")
    script.save(file)
    print(json.dumps({"file": file, "input": [3, side, side], "classes": CLASSES}))


if sys.argv[1:] == ["--list"]:
    print("\n".join(models.list_models(module=models)))
else:
    torch.set_num_threads(1)
    for name in sys.argv[3:]:
        write(sys.argv[1], int(sys.argv[2]), name)
