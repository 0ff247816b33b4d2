"""The review page: a local web server on which people look at results, correct and accept them."""
