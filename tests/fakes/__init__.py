"""Outside parties that write down what reached them: their record is the truth."""
