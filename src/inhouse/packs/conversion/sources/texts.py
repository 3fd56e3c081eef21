"""Texts to try language models on where the user gives none: of several lengths, subjects and scripts."""

TEXTS = (
    "A man is playing a guitar on the stage.",
    "Someone plays music in front of an audience.",
    "The cat sat on the mat.",
    "Invoice 4711 is overdue by three weeks; please pay at once.",
    "How do I reset my password?",
    "I forgot my password and cannot log in any more.",
    "The quarterly report shows a growth of 12 % over last year, mostly in the north.",
    "Yes.",
    "no",
    "Water boils at 100 degrees Celsius at sea level.",
    "The patient complains of chest pain that radiates into the left arm and has lasted for two hours.",
    "Patient denies fever, chills, or shortness of breath.",
    "def add(a, b): return a + b",
    "SELECT name, SUM(amount) FROM sales GROUP BY name ORDER BY 2 DESC;",
    "What is the capital of France?",
    "Paris is the capital and the largest city of France.",
    "Berlin ist die Hauptstadt von Deutschland.",
    "El tren sale de la estación a las ocho de la mañana.",
    "今日はとても良い天気です。",
    "Сегодня утром было холодно, но к обеду выглянуло солнце.",
    (
        "The contract may be terminated by either party with a notice of thirty days, in writing, to the address "
        "given in section two, unless the parties have agreed otherwise before the first of March."
    ),
    "Breaking: the central bank raises interest rates by a quarter of a point.",
    "Great phone, but the battery dies after four hours. Would not buy again.",
    "Absolutely loved this film! The actors were brilliant and the story kept me awake until the end.",
    "The service was slow and the food was cold.",
    "Photosynthesis is the process by which green plants turn light, water and carbon dioxide into sugar and oxygen.",
    "Quantum computers use qubits, which can be in a superposition of two states.",
    "Add two eggs, a cup of flour and a pinch of salt; stir until smooth, then bake for half an hour at 180 degrees.",
    "It was the best of times, it was the worst of times.",
    "Error 0x80070005: access is denied (see C:\\logs\\install.log).",
    "LOUD TEXT IN CAPITALS!!!",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    (
        "Our warehouse in Rotterdam ships orders placed before noon on the same day; orders placed later leave on the "
        "next working day. Parcels over thirty kilograms travel by freight, which takes two to four days longer, and "
        "customers are told the new date by mail. Returns are free within the European Union for a hundred days."
    ),
    "She opened the door, looked around the empty room, and closed it again without a word.",
    "The train to Hamburg is delayed by approximately 25 minutes due to a signal failure.",
    "Machine learning models can be made smaller by storing their weights with fewer bits.",
    "Compress a neural network by quantising its parameters.",
    "My flight was cancelled; can I get a refund?",
    "Where is my package? It should have arrived on Monday.",
    "Mix cement, sand and water in a ratio of 1:3:0.5.",
)
