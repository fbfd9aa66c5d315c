"""Songs: uploads, results and history."""
