// SPDX-License-Identifier: Apache-2.0
#include "core/base/assert.h"
#include "core/engine/graph/graph.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

// "up1.conv = conv(up1.cat) channels=32 kernel=3x3x3 ...", one line per node.
namespace argand::engine {

namespace {

std::string attributes(const Op& op) {
  if (const auto* input = std::get_if<InputOp>(&op)) {
    return fmt::format("channels={}", input->channels);
  }
  if (const auto* c = std::get_if<ConvOp>(&op)) {
    return fmt::format("channels={} kernel={} stride={} padding={} dilation={} groups={} bias={}",
                       c->channels,
                       toString(c->kernel),
                       toString(c->stride),
                       toString(c->padding),
                       toString(c->dilation),
                       c->groups,
                       c->bias ? 1 : 0);
  }
  if (const auto* c = std::get_if<TransposedConvOp>(&op)) {
    return fmt::format("channels={} kernel={} stride={} padding={} output_padding={} bias={}",
                       c->channels,
                       toString(c->kernel),
                       toString(c->stride),
                       toString(c->padding),
                       toString(c->outputPadding),
                       c->bias ? 1 : 0);
  }
  if (const auto* norm = std::get_if<InstanceNormOp>(&op)) {
    return fmt::format("epsilon={} affine={}", norm->epsilon, norm->affine ? 1 : 0);
  }
  if (const auto* norm = std::get_if<BatchNormOp>(&op)) {
    return fmt::format("epsilon={} momentum={}", norm->epsilon, norm->momentum);
  }
  if (const auto* norm = std::get_if<GroupNormOp>(&op)) {
    return fmt::format(
        "groups={} epsilon={} affine={}", norm->groups, norm->epsilon, norm->affine ? 1 : 0);
  }
  if (const auto* relu = std::get_if<LeakyReluOp>(&op)) {
    return fmt::format("slope={}", relu->slope);
  }
  if (const auto* prelu = std::get_if<PReluOp>(&op)) {
    return fmt::format("slopes={}", prelu->slopes);
  }
  if (const auto* dropout = std::get_if<DropoutOp>(&op)) {
    return fmt::format("probability={}", dropout->probability);
  }
  if (const auto* pool = std::get_if<PoolOp>(&op)) {
    return fmt::format("max={} kernel={} stride={} padding={}",
                       pool->kind == PoolOp::Kind::Max ? 1 : 0,
                       toString(pool->kernel),
                       toString(pool->stride),
                       toString(pool->padding));
  }
  if (const auto* up = std::get_if<UpsampleOp>(&op)) {
    return fmt::format("trilinear={} factor={}",
                       up->kind == UpsampleOp::Kind::Trilinear ? 1 : 0,
                       toString(up->factor));
  }
  if (const auto* linear = std::get_if<LinearOp>(&op)) {
    return fmt::format("channels={} bias={}", linear->channels, linear->bias ? 1 : 0);
  }
  return {};
}

constexpr std::string_view kKinds[] = {
    "input",       "conv",    "transposed_conv", "instance_norm", "batch_norm",
    "leaky_relu",  "add",     "concat",          "group_norm",    "prelu",
    "silu",        "sigmoid", "dropout",         "pool",          "upsample",
    "global_pool", "linear",  "scale",           "softmax",       "argmax"};
static_assert(std::size(kKinds) == std::variant_size_v<Op>);

template <typename T>
bool readNumber(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

// The key=value pairs of one line; remembers what could not be read.
class Attributes {
 public:
  explicit Attributes(std::istringstream& line) {
    for (std::string word; line >> word;) {
      const auto equals = word.find('=');
      if (equals == std::string::npos ||
          !m_values.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
        m_wrong = word;
      }
    }
  }

  template <typename T>
  void take(const std::string& key, T& value) {
    const auto found = m_values.find(key);
    if (found == m_values.end()) {
      m_wrong = key;
      return;
    }
    if (!read(found->second, value)) {
      m_wrong = key;
    }
    m_values.erase(found);
  }

  // The first key that is missing, unknown or without a usable value.
  [[nodiscard]] std::string wrong() const {
    return m_wrong.empty() && !m_values.empty() ? m_values.begin()->first : m_wrong;
  }

 private:
  static bool read(const std::string& text, std::int64_t& value) {
    return readNumber(text, value) && value > 0;
  }

  static bool read(const std::string& text, double& value) { return readNumber(text, value); }

  static bool read(const std::string& text, bool& value) {
    value = text == "1";
    return text == "1" || text == "0";
  }

  static bool read(const std::string& text, Extent& value) {
    const auto first = text.find('x');
    const auto second = text.find('x', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      return false;
    }
    const std::string_view view(text);
    return readNumber(view.substr(0, first), value.d) && value.d >= 0 &&
           readNumber(view.substr(first + 1, second - first - 1), value.h) && value.h >= 0 &&
           readNumber(view.substr(second + 1), value.w) && value.w >= 0;
  }

  std::map<std::string, std::string> m_values;
  std::string m_wrong;
};

void takeAll(Attributes& from, InputOp& op) {
  from.take("channels", op.channels);
}

void takeAll(Attributes& from, ConvOp& op) {
  from.take("channels", op.channels);
  from.take("kernel", op.kernel);
  from.take("stride", op.stride);
  from.take("padding", op.padding);
  from.take("dilation", op.dilation);
  from.take("groups", op.groups);
  from.take("bias", op.bias);
}

void takeAll(Attributes& from, TransposedConvOp& op) {
  from.take("channels", op.channels);
  from.take("kernel", op.kernel);
  from.take("stride", op.stride);
  from.take("padding", op.padding);
  from.take("output_padding", op.outputPadding);
  from.take("bias", op.bias);
}

void takeAll(Attributes& from, InstanceNormOp& op) {
  from.take("epsilon", op.epsilon);
  from.take("affine", op.affine);
}

void takeAll(Attributes& from, BatchNormOp& op) {
  from.take("epsilon", op.epsilon);
  from.take("momentum", op.momentum);
}

void takeAll(Attributes& from, LeakyReluOp& op) {
  from.take("slope", op.slope);
}

void takeAll(Attributes& from, GroupNormOp& op) {
  from.take("groups", op.groups);
  from.take("epsilon", op.epsilon);
  from.take("affine", op.affine);
}

void takeAll(Attributes& from, PReluOp& op) {
  from.take("slopes", op.slopes);
}

void takeAll(Attributes& from, DropoutOp& op) {
  from.take("probability", op.probability);
}

void takeAll(Attributes& from, PoolOp& op) {
  bool max = true;
  from.take("max", max);
  op.kind = max ? PoolOp::Kind::Max : PoolOp::Kind::Average;
  from.take("kernel", op.kernel);
  from.take("stride", op.stride);
  from.take("padding", op.padding);
}

void takeAll(Attributes& from, UpsampleOp& op) {
  bool trilinear = true;
  from.take("trilinear", trilinear);
  op.kind = trilinear ? UpsampleOp::Kind::Trilinear : UpsampleOp::Kind::Nearest;
  from.take("factor", op.factor);
}

void takeAll(Attributes& from, LinearOp& op) {
  from.take("channels", op.channels);
  from.take("bias", op.bias);
}

// Add, concat, SiLU and others that have no attributes.
template <typename Other>
void takeAll(Attributes&, Other&) {}

template <std::size_t N = 0>
bool makeOp(std::string_view kind, Attributes& from, Op& op) {
  if constexpr (N < std::variant_size_v<Op>) {
    if (kind != kKinds[N]) {
      return makeOp<N + 1>(kind, from, op);
    }
    std::variant_alternative_t<N, Op> made;
    takeAll(from, made);
    op = made;
    return true;
  }
  return false;
}

}  // namespace

std::string Graph::toText() const {
  std::string text;
  for (const Node& n : m_nodes) {
    std::string inputs;
    for (const NodeId id : n.inputs) {
      inputs += (inputs.empty() ? "" : ",") + node(id).name;
    }
    const std::string rest = attributes(n.op);
    text += fmt::format(
        "{} = {}({}){}{}\n", n.name, kKinds[n.op.index()], inputs, rest.empty() ? "" : " ", rest);
  }
  return text;
}

Result<Graph> parseGraph(std::string_view text) {
  Graph graph;
  std::map<std::string, NodeId, std::less<>> known;
  std::istringstream lines{std::string(text)};
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto wrong = [&](std::string_view what) {
      return fail(ErrorCode::InputRefused, fmt::format("Line {} of the graph: {}", number, what));
    };
    std::istringstream words(line);
    std::string name;
    std::string equals;
    std::string call;
    if (!(words >> name)) {
      continue;
    }
    words >> equals >> call;
    const auto open = call.find('(');
    if (equals != "=" || open == std::string::npos || call.back() != ')') {
      return wrong("'name = kind(inputs) key=value ...' is expected.");
    }
    if (known.count(name) != 0) {
      return wrong(fmt::format("the name '{}' occurs twice.", name));
    }
    std::vector<NodeId> inputs;
    std::istringstream list(call.substr(open + 1, call.size() - open - 2));
    for (std::string input; std::getline(list, input, ',');) {
      const auto found = known.find(input);
      if (found == known.end()) {
        return wrong(fmt::format("the input '{}' is not known here.", input));
      }
      inputs.push_back(found->second);
    }
    Attributes from(words);
    Op op;
    if (!makeOp(call.substr(0, open), from, op)) {
      return wrong(fmt::format("'{}' is no operation.", call.substr(0, open)));
    }
    if (!from.wrong().empty()) {
      return wrong(fmt::format("'{}' is missing, unknown or has no usable value.", from.wrong()));
    }
    const auto id = graph.tryAdd(name, op, inputs);
    if (!id) {
      return wrong(id.error().message);
    }
    known.emplace(name, *id);
  }
  if (graph.size() == 0) {
    return fail(ErrorCode::InputRefused, "The graph has no operation.");
  }
  return graph;
}

std::string toDot(const Graph& graph, const std::vector<Shape>& shapes) {
  constexpr std::size_t kLineLength = 32;
  ARGAND_ASSERT(shapes.empty() || shapes.size() == graph.nodes().size());
  std::string text =
      "digraph network {\n  rankdir=TB;\n"
      "  node [shape=box, style=rounded, fontname=\"sans-serif\", fontsize=10];\n";
  for (NodeId id = 0; id < graph.size(); ++id) {
    const Node& n = graph.node(id);
    std::string label = n.name + "\\n" + std::string(kKinds[n.op.index()]);
    // Attributes in short lines, so that boxes stay narrow.
    std::istringstream words(attributes(n.op));
    std::size_t room = 0;
    for (std::string word; words >> word;) {
      const bool fits = room > word.size();
      label += (fits ? " " : "\\n") + word;
      room = (fits ? room : kLineLength) - std::min(kLineLength, word.size() + 1);
    }
    if (!shapes.empty()) {
      const Shape& shape = shapes[static_cast<std::size_t>(id)];
      label += fmt::format("\\n{} x {}", shape.channels, toString(shape.size));
    }
    text += fmt::format("  n{} [label=\"{}\"];\n", id, label);
    for (const NodeId input : n.inputs) {
      text += fmt::format("  n{} -> n{};\n", input, id);
    }
  }
  return text + "}\n";
}

}  // namespace argand::engine
