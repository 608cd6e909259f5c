"""attention_networks.py FOLDER NAME ...

Writes of each network, with random weights, a TorchScript module and what torch's exporter makes of it for training, and
what torch computes of three examples [4, 6, 6]: FOLDER/NAME.pt, .onnx, .input and .output (numbers of the machine). Exits
with 77 where torch or onnx are missing.
"""

import math
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"
try:
    import onnx  # noqa: F401
    import torch
    from torch import nn
except ImportError as error:
    print(error)
    sys.exit(77)

TOKENS, WIDTH = 6, 12


class Classifier(nn.Module):
    """Rows of the image as tokens, one layer of a transformer, and the mean over the tokens."""

    def __init__(self, layer):
        super().__init__()
        self.embed = nn.Linear(24, WIDTH)
        self.layer = layer
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x):
        x = self.embed(x.transpose(1, 2).flatten(2))
        return self.head(self.layer(x).mean(1))


class Block(nn.Module):
    """Norms before attention and MLP."""

    def __init__(self, attention):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = attention
        self.norm2 = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, 16)
        self.fc2 = nn.Linear(16, WIDTH)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fc2(torch.nn.functional.gelu(self.fc1(self.norm2(x))))


class Written(nn.Module):
    """Three layers; `shared` heads of keys and values."""

    def __init__(self, heads=3, shared=3, repeat="expand"):
        super().__init__()
        self.heads, self.shared, self.depth = heads, shared, WIDTH // heads
        self.repeat = repeat
        self.q = nn.Linear(WIDTH, WIDTH)
        self.k = nn.Linear(WIDTH, shared * self.depth)
        self.v = nn.Linear(WIDTH, shared * self.depth)
        self.o = nn.Linear(WIDTH, WIDTH)

    def repeated(self, x):
        n = self.heads // self.shared
        if n == 1:
            return x
        if self.repeat == "interleave":
            return x.repeat_interleave(n, 1)
        batch, tokens = x.shape[0], x.shape[2]
        x = x[:, :, None].expand(batch, self.shared, n, tokens, self.depth)
        return x.reshape(batch, self.heads, tokens, self.depth)

    def forward(self, x):
        batch, tokens, width = x.shape
        q = self.q(x).view(batch, tokens, self.heads, self.depth).transpose(1, 2)
        k = self.k(x).view(batch, tokens, self.shared, self.depth).transpose(1, 2)
        v = self.v(x).view(batch, tokens, self.shared, self.depth).transpose(1, 2)
        k, v = self.repeated(k), self.repeated(v)
        share = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(self.depth), -1)
        return self.o((share @ v).transpose(1, 2).reshape(batch, tokens, width))


class Fused(nn.Module):
    """One layer for queries, keys and values, as Vision Transformers have it."""

    def __init__(self, heads=3):
        super().__init__()
        self.heads, self.depth = heads, WIDTH // heads
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.drop = nn.Dropout(0.1)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, self.heads, self.depth).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        share = (q * self.depth ** -0.5) @ k.transpose(-2, -1)
        share = self.drop(share.softmax(dim=-1))
        return self.proj((share @ v).transpose(1, 2).reshape(batch, tokens, width))


class Chunked(nn.Module):
    """The same, cut into three, with a causal mask."""

    def __init__(self, heads=3):
        super().__init__()
        self.heads, self.depth = heads, WIDTH // heads
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.full((TOKENS, TOKENS), float("-inf")).triu(1))

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).chunk(3, -1)
        q = q.view(batch, tokens, self.heads, self.depth).transpose(1, 2)
        k = k.view(batch, tokens, self.heads, self.depth).transpose(1, 2)
        v = v.view(batch, tokens, self.heads, self.depth).transpose(1, 2)
        share = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(self.depth) + self.mask, -1)
        return self.proj((share @ v).transpose(1, 2).reshape(batch, tokens, width))


class Turned(Written):
    """Queries and keys are turned by their places (rotary embeddings)."""

    def __init__(self):
        super().__init__()
        angle = torch.arange(TOKENS)[:, None] * torch.tensor([[1.0, 0.1]]).repeat(1, 2)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def turned(self, x):
        half = self.depth // 2
        other = torch.cat([-x[..., half:], x[..., :half]], -1)
        return x * self.cos + other * self.sin

    def forward(self, x):
        batch, tokens, width = x.shape
        q = self.turned(self.q(x).view(batch, tokens, self.heads, self.depth).transpose(1, 2))
        k = self.turned(self.k(x).view(batch, tokens, self.heads, self.depth).transpose(1, 2))
        v = self.v(x).view(batch, tokens, self.heads, self.depth).transpose(1, 2)
        share = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(self.depth), -1)
        return self.o((share @ v).transpose(1, 2).reshape(batch, tokens, width))


class Multihead(nn.Module):
    def __init__(self, batch_first=True):
        super().__init__()
        self.batch_first = batch_first
        self.attention = nn.MultiheadAttention(WIDTH, 3, batch_first=batch_first)

    def forward(self, x):
        if not self.batch_first:
            x = x.transpose(0, 1)
        x = self.attention(x, x, x, need_weights=False)[0]
        return x if self.batch_first else x.transpose(0, 1)


NETWORKS = {
    "written": lambda: Block(Written()),
    "grouped": lambda: Block(Written(6, 2)),
    "interleaved": lambda: Block(Written(6, 2, "interleave")),
    "multiquery": lambda: Block(Written(3, 1)),
    "fused": lambda: Block(Fused()),
    "chunked": lambda: Block(Chunked()),
    "turned": lambda: Block(Turned()),
    "multihead": lambda: Block(Multihead()),
    "tokens_first": lambda: Block(Multihead(False)),
    "encoder_layer": lambda: nn.TransformerEncoderLayer(WIDTH, 3, 16, batch_first=True),
    "pre_norm_layer": lambda: nn.TransformerEncoderLayer(WIDTH, 3, 16, batch_first=True, norm_first=True),
}


def write(folder, name):
    torch.manual_seed(1)
    network = Classifier(NETWORKS[name]())
    for parameter in network.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter, 1, 0.2)
    x = torch.randn(3, 4, TOKENS, 6)
    stem = os.path.join(folder, name)
    x.numpy().tofile(stem + ".input")
    network.eval()
    y = network(x)  # with gradients, or torch takes its own fast path
    y.detach().numpy().tofile(stem + ".output")
    network.train()
    torch.jit.script(network).save(stem + ".pt")
    torch.onnx.export(network, x, stem + ".onnx", opset_version=13, training=torch.onnx.TrainingMode.TRAINING,
                      do_constant_folding=False, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})


for one in sys.argv[2:]:
    write(sys.argv[1], one)
