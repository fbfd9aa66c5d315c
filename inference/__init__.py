"""Model bundles and the answers they give: the only inference code there is."""
