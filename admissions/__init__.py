"""Inquiries, calls, the decision, the workbench, the person page and the verbs that cross rooms."""
