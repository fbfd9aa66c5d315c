"""The static files: of Bootstrap's only those that the pages load."""

from django.contrib.staticfiles import apps
from whitenoise.storage import CompressedManifestStaticFilesStorage

_UNUSED = (
    *("*.map", "*.scss", "jquery*", "*.rtl.*", "bootstrap-*.css", "bootstrap.css"),
    *("bootstrap.js", "bootstrap.min.js", "bootstrap.bundle.js", "bootstrap.esm*"),
)


class StaticFilesConfig(apps.StaticFilesConfig):
    """Collects no source maps, and no files that no page loads."""

    ignore_patterns = [*apps.StaticFilesConfig.ignore_patterns, *_UNUSED]  # noqa: RUF012 - Django's own shape


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Names files by their content, and compresses them; source maps, which are not served, are not looked for."""

    # Of modules, too.
    support_js_module_import_aggregation = True
    patterns = tuple(
        (files, tuple(pattern for pattern in patterns if "sourceMappingURL" not in str(pattern)))
        for files, patterns in CompressedManifestStaticFilesStorage.patterns
    )
