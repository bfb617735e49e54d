"""What a run looks like to people and machines: the HTML report, JUnit XML and the console."""
