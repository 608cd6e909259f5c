// A digit is a few strokes through control points in the box [-1, 1]^2, y down. Every example jitters the points, bends
// the whole by a random affine map into the 28 x 28 grid, and keeps for each pixel the distance to the nearest stroke:
// ink is where that distance is below half the pen's width. Specks, which are short strokes of fainter ink, and noise
// on every pixel come on top. The affine map and the jitter are what a linear model cannot follow and a small network
// can.
#include "experiments/datasets/glyph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "base/random.h"

namespace espalier {
namespace {

struct Point {
  double x = 0, y = 0;
};
struct Stroke {
  enum class Shape { straight, curved, loop } shape;
  std::vector<Point> points;
};
using Glyph = std::vector<Stroke>;

constexpr double kJitter = 0.11;       // of control points, in units of the box
constexpr double kLargestTurn = 0.18;  // tangent of half the angle: +-20 degrees
constexpr double kLargestShear = 0.3;
constexpr double kNoise = 0.13;   // standard deviation, of the range of a pixel
constexpr int kStepsPerSpan = 5;  // straight pieces that a curve between two control points is drawn with
constexpr int kMostSpecks = 4;

const std::array<Glyph, kGlyphClasses>& glyphs() {
  using enum Stroke::Shape;
  static const std::array<Glyph, kGlyphClasses> kGlyphs{{
      {{loop, {{0, -1}, {0.55, -0.55}, {0.6, 0.4}, {0, 1}, {-0.6, 0.45}, {-0.55, -0.5}}}},
      {{straight, {{-0.35, -0.55}, {0.05, -1}, {0, 1}}}},
      {{curved, {{-0.55, -0.55}, {-0.2, -0.95}, {0.35, -0.9}, {0.5, -0.4}, {0.1, 0.2}, {-0.6, 1}}},
       {straight, {{-0.6, 1}, {0.6, 0.95}}}},
      {{curved, {{-0.5, -0.8}, {0, -1}, {0.5, -0.55}, {-0.05, -0.05}}},
       {curved, {{-0.05, -0.05}, {0.55, 0.4}, {0.1, 1}, {-0.55, 0.75}}}},
      {{straight, {{0.3, 1}, {0.25, -1}, {-0.6, 0.35}, {0.6, 0.35}}}},
      {{straight, {{0.5, -1}, {-0.4, -1}, {-0.45, -0.15}}},
       {curved, {{-0.45, -0.15}, {0.15, -0.3}, {0.55, 0.3}, {0.1, 0.95}, {-0.55, 0.8}}}},
      {{curved,
        {{0.4, -0.95}, {-0.2, -0.5}, {-0.55, 0.3}, {-0.2, 0.95}, {0.4, 0.8}, {0.45, 0.25}, {0, 0}, {-0.5, 0.35}}}},
      {{straight, {{-0.55, -0.95}, {0.55, -1}, {-0.1, 1}}}},
      {{loop, {{0, -1}, {0.42, -0.55}, {0, -0.08}, {-0.42, -0.55}}},
       {loop, {{0, -0.08}, {0.55, 0.45}, {0, 1}, {-0.55, 0.45}}}},
      {{loop, {{0.05, -1}, {0.5, -0.5}, {0.05, -0.05}, {-0.45, -0.5}}}, {curved, {{0.5, -0.5}, {0.45, 0.2}, {0.1, 1}}}},
  }};
  return kGlyphs;
}

/// From the box to pixels: turn, shear, stretch, move. The turn is given by t = tan(angle / 2), which needs no sine.
class AffineMap {
 public:
  explicit AffineMap(RandomStream& random) {
    const double t = random.uniform(-kLargestTurn, kLargestTurn);
    const double cosine = (1 - t * t) / (1 + t * t);
    const double sine = 2 * t / (1 + t * t);
    const double shear = random.uniform(-kLargestShear, kLargestShear);
    const double width = random.uniform(6.5, 9.5);
    const double height = random.uniform(7.5, 10);
    xx_ = cosine * width;
    xy_ = (cosine * shear - sine) * height;
    yx_ = sine * width;
    yy_ = (sine * shear + cosine) * height;
    x_ = 13.5 + random.uniform(-2.75, 2.75);
    y_ = 13.5 + random.uniform(-2.75, 2.75);
  }

  Point operator()(Point p) const { return {x_ + xx_ * p.x + xy_ * p.y, y_ + yx_ * p.x + yy_ * p.y}; }

 private:
  double xx_, xy_, yx_, yy_, x_, y_;
};

/// The point at t in [0, 1] between b and c of the Catmull-Rom curve through a, b, c, d.
Point between(Point a, Point b, Point c, Point d, double t) {
  const auto blend = [t](double p, double q, double r, double s) {
    return 0.5 * (2 * q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * q - p - 3 * r + s))));
  };
  return {blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)};
}

std::vector<Point> flatten(Stroke::Shape shape, const std::vector<Point>& points) {
  if (shape == Stroke::Shape::straight) return points;
  const auto count = static_cast<int>(points.size());
  const bool closed = shape == Stroke::Shape::loop;
  const auto at = [&](int i) {
    return points[static_cast<std::size_t>(closed ? (i + count) % count : std::clamp(i, 0, count - 1))];
  };
  std::vector<Point> line{at(0)};
  for (int span = 0; span < (closed ? count : count - 1); ++span) {
    for (int step = 1; step <= kStepsPerSpan; ++step) {
      const double t = static_cast<double>(step) / kStepsPerSpan;
      line.push_back(between(at(span - 1), at(span), at(span + 1), at(span + 2), t));
    }
  }
  return line;
}

/// Ink in [0, 1] per pixel.
class Canvas {
 public:
  void draw(const std::vector<Point>& line, double radius, double ink) {
    for (std::size_t i = 1; i < line.size(); ++i) draw_piece(line[i - 1], line[i], radius, ink);
  }

  double ink(std::size_t pixel) const { return ink_[pixel]; }

 private:
  void draw_piece(Point from, Point to, double radius, double ink) {
    const double reach = radius + 0.5;
    const Point along{to.x - from.x, to.y - from.y};
    const double length2 = std::max(along.x * along.x + along.y * along.y, 1e-9);
    const int last_x = pixel(std::max(from.x, to.x) + reach);
    const int last_y = pixel(std::max(from.y, to.y) + reach);
    for (int y = pixel(std::min(from.y, to.y) - reach); y <= last_y; ++y) {
      for (int x = pixel(std::min(from.x, to.x) - reach); x <= last_x; ++x) {
        const Point off{x - from.x, y - from.y};
        const double t = std::clamp((off.x * along.x + off.y * along.y) / length2, 0.0, 1.0);
        const double dx = off.x - t * along.x;
        const double dy = off.y - t * along.y;
        const double cover = std::clamp(reach - std::sqrt(dx * dx + dy * dy), 0.0, 1.0);
        double& here = ink_[static_cast<std::size_t>(y * kGlyphSide + x)];
        here = std::max(here, ink * cover);
      }
    }
  }

  static int pixel(double coordinate) {
    return static_cast<int>(std::clamp(coordinate, 0.0, static_cast<double>(kGlyphSide - 1)));
  }

  std::array<double, kGlyphSide * kGlyphSide> ink_{};
};

void draw_specks(Canvas& canvas, RandomStream& random) {
  for (std::uint64_t left = random.below(kMostSpecks + 1); left > 0; --left) {
    const Point from{random.uniform(1, kGlyphSide - 2), random.uniform(1, kGlyphSide - 2)};
    const Point to{from.x + random.uniform(-3, 3), from.y + random.uniform(-3, 3)};
    canvas.draw({from, to}, random.uniform(0.3, 0.8), random.uniform(0.3, 0.8));
  }
}

/// Nearly normal, mean 0 and deviation 1: the sum of eight bytes (variance 8 * (256^2 - 1) / 12), at one draw per
/// value.
double noise(RandomStream& random) {
  constexpr double kMean = 8 * 127.5;
  constexpr double kDeviation = 209.02;
  const std::uint64_t bytes = random.next_u64();
  std::uint64_t sums = (bytes & 0x00ff00ff00ff00ff) + (bytes >> 8 & 0x00ff00ff00ff00ff);
  sums = (sums & 0x0000ffff0000ffff) + (sums >> 16 & 0x0000ffff0000ffff);
  return (static_cast<double>((sums + (sums >> 32)) & 0xffff) - kMean) / kDeviation;
}

}  // namespace

std::uint8_t draw_glyph(std::uint64_t seed, std::uint64_t index, GlyphPixels pixels) {
  RandomStream random(seed, "glyphs", index);
  const std::uint64_t digit = random.below(kGlyphClasses);
  const AffineMap place(random);
  const double radius = random.uniform(0.6, 1.5);
  const double ink = random.uniform(0.7, 1);
  Canvas canvas;
  for (const Stroke& stroke : glyphs()[digit]) {
    std::vector<Point> points;
    for (const Point& point : stroke.points) {
      points.push_back(
          place({point.x + random.uniform(-kJitter, kJitter), point.y + random.uniform(-kJitter, kJitter)}));
    }
    canvas.draw(flatten(stroke.shape, points), radius, ink);
  }
  draw_specks(canvas, random);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const double value = std::clamp(canvas.ink(i) + kNoise * noise(random), 0.0, 1.0);
    pixels[i] = static_cast<std::uint8_t>(value * 255 + 0.5);
  }
  return static_cast<std::uint8_t>(digit);
}

}  // namespace espalier
