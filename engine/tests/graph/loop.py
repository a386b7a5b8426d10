"""A loop as ComfyUI's users build it: the closing node copies what lies between it and the opening node."""

from flow import NUM, Number, Plus, Tell

from studio_engine.graph.node import Blocked, Expanded, Node, NodeContext, Output, hidden, node, registry_of, socket


@node(title="Less", category="test", outputs=NUM)
class Less(Node):
    """1 where a is less than b."""

    a: int = socket("NUM")
    b: int = socket("NUM")

    def run(self, ctx: NodeContext) -> tuple[int]:
        return (int(self.a < self.b),)


@node(title="While", category="test", outputs=(Output("FLOW"), *NUM))
class While(Node):
    """Begins a loop unless the condition is 0."""

    condition: int = socket("NUM")
    value: int = socket("NUM")

    def run(self, ctx: NodeContext) -> tuple[object, object]:
        return ("flow", self.value) if self.condition else (Blocked(), Blocked())


@node(title="End while", category="test", outputs=NUM)
class EndWhile(Node):
    """Ends a loop, or makes its next turn."""

    flow: list[object] = socket("FLOW", rawLink=True)
    condition: int = socket("NUM")
    value: int = socket("NUM")
    prompt: dict[str, dict[str, object]] = hidden("DYNPROMPT")
    own_id: str = hidden("UNIQUE_ID")

    def run(self, ctx: NodeContext) -> tuple[int] | Expanded:
        if not self.condition:
            return (self.value,)
        first = self.flow[0]
        inside = self.between(first)
        graph = {node_id: self.prompt[node_id] for node_id in inside}
        graph[first] = {"class_type": "While", "inputs": {"condition": 1, "value": self.value}}
        return Expanded(graph, ([self.own_id, 0],))

    def between(self, first: str) -> set[str]:
        """Ids of the nodes that lead from the first one here; both are included."""
        inside, seen = {first}, {first}

        def leads_here(node_id: str) -> bool:
            if node_id not in seen:
                seen.add(node_id)
                links = [each for each in self.prompt[node_id]["inputs"].values() if isinstance(each, list)]
                if [source for source, _ in links if leads_here(source)]:
                    inside.add(node_id)
            return node_id in inside

        leads_here(self.own_id)
        return inside


LOOP = registry_of((Number, Plus, Less, While, EndWhile, Tell))
