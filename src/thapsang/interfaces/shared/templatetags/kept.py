"""Parts of a page that are the same for every reader of a language: drawn once a process."""

from __future__ import annotations

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


class OnceNode(template.Node):
    """Draws its content once for each language and each value it names."""

    def __init__(self, content: NodeList, names: list[FilterExpression]) -> None:
        self.content, self.names = content, names
        self.drawn: dict[tuple[object, ...], SafeString] = {}

    def render(self, context: Context) -> SafeString:
        """Return the content, drawn now or before."""
        key = (get_language(), *(name.resolve(context, ignore_failures=True) for name in self.names))
        if key not in self.drawn:
            self.drawn[key] = self.content.render(context)
        return self.drawn[key]


@register.tag
def once(parser: Parser, token: Token) -> OnceNode:
    """Keep what stands until `{% endonce %}` for each language and each value named: `{% once here %}`.

    Only for content that depends on nothing else, and values that are few: nothing is ever thrown away.
    """
    names = [parser.compile_filter(name) for name in token.split_contents()[1:]]
    content = parser.parse(("endonce",))
    parser.delete_first_token()
    return OnceNode(content, names)
