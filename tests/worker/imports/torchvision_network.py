"""torchvision_network.py FOLDER NAME ...: classification networks of torchvision, random weights, as files.

Of each: FOLDER/NAME.pt, scripted; FOLDER/NAME.onnx, as torch's exporter writes it, batch norms apart from the layers
before and any number of examples; FOLDER/NAME.input and .output, what the network gives for two examples (numbers of
the machine); FOLDER/NAME.json: {"input": [3, SIDE, SIDE], "classes": 1000, "torchscript": "", "onnx": ""}, the last two
being why there is no such file. "--list" alone prints the names that there are, those of few parameters first. Exits
with 77 where torch, torchvision or onnx are missing.
"""
import json
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import onnx  # noqa: F401
    import torch
    from torchvision import models
except ImportError as missing:
    print(missing)
    sys.exit(77)

CLASSES = 1000


def side_of(name):
    """A small one that the network takes: one that the exporter can divide by its adaptive poolings."""
    if name.startswith(("alexnet", "vgg", "maxvit")):
        return 224
    if name.startswith("inception"):
        return 299  # below, its auxiliary head cannot be trained
    return 56 if name == "vit_h_14" else 64


def build(name):
    torch.manual_seed(1)
    sizes = {"image_size": side_of(name)} if name.startswith("vit") else {}
    network = models.get_model(name, weights=None, **sizes).eval()
    # What is zero or all alike at first would not show if it were forgotten.
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 2)
                module.weight.uniform_(0.8, 1.6)
        for parameter in network.parameters():
            if parameter.abs().max() < 1e-4:
                parameter.normal_(0, 0.02)
    return network


def reason(error):
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def write(folder, name):
    network, side = build(name), side_of(name)
    stem = os.path.join(folder, name)
    examples = torch.rand(2, 3, side, side)
    with torch.no_grad():
        outputs = network(examples)
    examples.numpy().tofile(stem + ".input")
    outputs.numpy().tofile(stem + ".output")
    facts = {"input": [3, side, side], "classes": CLASSES, "torchscript": "", "onnx": ""}
    try:
        torch.jit.script(network).save(stem + ".pt")
    except Exception as error:
        facts["torchscript"] = reason(error)
    try:
        torch.onnx.export(network, examples, stem + ".onnx", opset_version=13, do_constant_folding=False,
                          training=torch.onnx.TrainingMode.PRESERVE, input_names=["images"], output_names=["logits"],
                          dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}})
    except Exception as error:
        facts["onnx"] = reason(error)
    with open(stem + ".json", "w") as file:
        json.dump(facts, file)


if sys.argv[1:] == ["--list"]:
    def parameters(name):
        return models.get_model_weights(name).DEFAULT.meta["num_params"]

    print("\n".join(sorted(models.list_models(module=models), key=parameters)))
else:
    torch.set_num_threads(1)
    for one in sys.argv[2:]:
        write(sys.argv[1], one)
