"""What is said in every recording: short, so that recordings are small, and known, so that tests can look for it."""

CLAUDE = "claude-sonnet-5-5"
GEMINI = "gemini-3.8-flash"
EMBEDDER = "gemini-embedding-001"
SYSTEM = "You answer in one sentence."
QUESTION = "Which part of a ship is called the quarterdeck, and who may walk there?"
ANSWER = "The quarterdeck is the deck abaft the mainmast, kept for the officers."
SAY = f"[[say:{ANSWER}]]"
SLOWLY = "[[ttft:0.05]]"
CALL = '[[tool:get_weather:{"city": "Brest"}]]'
RESULT = "18 degrees and rain [[say:It rains in Brest at 18 degrees.]]"
