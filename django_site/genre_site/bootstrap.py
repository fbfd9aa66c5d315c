"""Forms in Bootstrap's classes."""

from typing import Any

from django.forms import BoundField, Widget
from django.forms.renderers import DjangoTemplates

_CLASSES = {"Select": "form-select", "CheckboxInput": "form-check-input"}


class BootstrapField(BoundField):
    """A field whose widget has Bootstrap's class, unless it has a class of its own, as in the admin."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Widget | None = None) -> dict[str, Any]:
        """Return the widget's attributes."""
        built = super().build_widget_attrs(attrs, widget)
        widget = widget or self.field.widget
        if "class" not in widget.attrs and not widget.is_hidden:
            name = _CLASSES.get(type(widget).__name__, "form-control")
            built["class"] = f"{name} is-invalid" if self.errors else name
        return built


class BootstrapRenderer(DjangoTemplates):
    """Draws the fields of every form alike."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
    bound_field_class = BootstrapField
