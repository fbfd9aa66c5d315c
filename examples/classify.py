"""Classify songs with the service: `python examples/classify.py http://localhost:3000 song.mp3 ...`; needs httpx."""

import sys

import httpx

service, *songs = sys.argv[1:]
with httpx.Client(base_url=service, timeout=180) as client:
    for path in songs:
        with open(path, "rb") as song:
            response = client.post("/classify", files={"audio": song}, data={"top_k": 3})
        if response.is_success:
            prediction = response.json()
            print(path, prediction["genre"] or "not sure", f"{prediction['confidence']:.0%}", sep="\t")
        else:
            print(path, response.json()["error"], sep="\t")
