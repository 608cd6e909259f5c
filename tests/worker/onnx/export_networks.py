"""export_networks.py FOLDER NAME@OPSET ...

Writes of each network, with random weights, what torch's exporter makes of it, and what torch computes on examples:
FOLDER/NAME@OPSET.onnx, .input and .output (numbers of the machine), .sizes (of the input). NAME/trained keeps its
batch norms apart from the layers before, NAME/one is for one example. Exits with 77 where torch, torchvision or onnx are missing.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import onnx  # noqa: F401
    import torch
    import torchvision
except ImportError as error:
    print(error)
    sys.exit(77)


class Encoder(torch.nn.Module):
    """Tokens, places, attention under a causal mask, and a layer whose weight is the table of tokens."""

    def __init__(self):
        super().__init__()
        self.tokens = torch.nn.Embedding(11, 16)
        self.places = torch.nn.Parameter(torch.randn(1, 6, 16))
        self.norm = torch.nn.LayerNorm(16)
        self.attention = torch.nn.MultiheadAttention(16, 4, batch_first=True)
        self.wide = torch.nn.Linear(16, 32)
        self.narrow = torch.nn.Linear(32, 16)
        self.register_buffer("mask", torch.full((6, 6), float("-inf")).triu(1))

    def forward(self, x):
        x = self.tokens(x) + self.places
        normed = self.norm(x)
        x = x + self.attention(normed, normed, normed, attn_mask=self.mask, need_weights=False)[0]
        x = x + self.narrow(torch.nn.functional.gelu(self.wide(x)))
        return torch.nn.functional.linear(x, self.tokens.weight)


def network_called(name):
    if name == "encoder":
        return Encoder(), torch.randint(0, 11, (3, 6))
    return getattr(torchvision.models, name)(weights=None), torch.rand(3, 3, 64, 64)


def export(folder, wanted):
    name, opset = wanted.split("@")
    name, _, how = name.partition("/")
    torch.manual_seed(1)
    network, x = network_called(name)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2)
    network.eval()
    with torch.no_grad():
        y = network(x)
    stem = os.path.join(folder, wanted.replace("/", "_"))
    x.numpy().tofile(stem + ".input")
    y.numpy().tofile(stem + ".output")
    with open(stem + ".sizes", "w") as sizes:
        print(*x.shape, file=sizes)
    mode = torch.onnx.TrainingMode.PRESERVE if how == "trained" else torch.onnx.TrainingMode.EVAL
    free = None if how == "one" else {"input": {0: "N"}, "output": {0: "N"}}
    torch.onnx.export(network, x[:1] if how == "one" else x, stem + ".onnx", opset_version=int(opset), training=mode,
                      do_constant_folding=how != "trained", input_names=["input"], output_names=["output"],
                      dynamic_axes=free)


for one in sys.argv[2:]:
    export(sys.argv[1], one)
