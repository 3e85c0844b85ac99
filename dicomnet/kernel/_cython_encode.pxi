# pydicom.Dataset to bytes (PS3.5 7, A.1 to A.4).

def encode_dataset(dataset, implicit, little_endian, max_depth=64):
    load()
    return _reference_encode(dataset, implicit, little_endian, max_depth)
