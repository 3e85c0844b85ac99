# P-DATA-TF framing (PS3.8 9.3.5 and Annex E).

def pack_p_data_tf(context_id, control, payload, max_length, last=True):
    from dicomnet.kernel import _python_pdv
    return _python_pdv.pack_p_data_tf(context_id, control, payload, max_length, last)


def scan_pdvs(body, max_pdvs):
    from dicomnet.kernel import _python_pdv
    return _python_pdv.scan_pdvs(body, max_pdvs)
