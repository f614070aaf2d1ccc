"""The program that `make bench` records: nested objects to JSON text and back, a few thousand of them, with a little of what
every program does around it. Deterministic; standard library alone. Argument: how many rounds (default 3)."""
import json
import sys


def make(depth, width, number):
    """A tree of dicts, lists, strings, ints and floats."""
    if depth == 0:
        return {"id": number, "name": "leaf %d" % number, "weight": number * 0.5, "flags": [True, None, number % 7]}
    return {
        "id": number,
        "kind": ("branch", "limb", "twig")[number % 3],
        "children": [make(depth - 1, width, number * width + i) for i in range(width)],
    }


def count(node):
    """How many objects of the tree are dicts: the same before and after the trip."""
    return 1 + sum(count(child) for child in node.get("children", ()))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    tree = make(6, 4, 1)
    expected = count(tree)
    kept = []
    for number in range(rounds):
        text = json.dumps(tree, indent=number % 2 or None, sort_keys=True)
        tree = json.loads(text)
        kept.append(text[:: max(1, len(text) // 1000)])
        if count(tree) != expected:
            sys.exit("the tree came back with %d nodes, not %d" % (count(tree), expected))
    print(expected, sum(len(part) for part in kept))


if __name__ == "__main__":
    main()
