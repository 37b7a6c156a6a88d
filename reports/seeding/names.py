"""Invented people, their telephone numbers, and what they say."""


def words(text):
    return text.split()


GIVEN = {
    "female": words(
        """
        Amara Bridget Carys Celia Corinne Delia Edith Elsa Esme Fatima Gloria Greta Hana Imani Ines Ivy Joan
        Kaya Lena Leila Lorna Mabel Marisol Mira Nadia Noor Odette Paula Petra Pia Priya Renata Rhoda Rosa
        Ruby Sabine Selma Simone Sunniva Talia Thea Una Vera Wanda Willa Xenia Yara Yvette Zelda Zora
        """
    ),
    "male": words(
        """
        Abel Anders Andre Boris Bruno Caleb Caspar Cyrus Devin Dmitri Elias Emeka Emil Ezra Felix Finn Garrett
        Gideon Grant Harold Hugo Ilya Isak Ivan Joel Jonas Jules Jun Kenji Kofi Leon Luis Marcel Mateo Milo
        Nico Omar Oscar Otis Pavel Quentin Rafael Ray Remy Silas Stefan Tobias Tomas Victor Wes
        """
    ),
}
FAMILY = words(
    """
    Abara Acosta Adeyemi Aldana Amundsen Baines Barlow Beckett Bellamy Blum Bowen Brandvold Calder Calloway
    Castellano Chavez Cobb Corrigan Dacosta Delaney Desai Doyle Duarte Eklund Ellery Espinoza Farrow Ferrand Finch
    Fontaine Forde Fujita Galvan Garrity Gentry Haddad Halloran Hartwell Hayashi Holt Ibarra Ikeda Ingram Ivanov
    Jamison Jarvis Joshi Kaplan Kealoha Kessler Kimball Kovac Kroll Lachance Larsen Ledger Lindqvist Lowe Lund
    Maddox Malik Marchetti Mbeki Mercer Moreau Munroe Nakamura Navarro Nilsen Nwosu Oakes Obrien Okafor Olsen
    Ortega Osei Paddock Pascal Pereira Pike Quigley Quintero Ramos Redmond Reyes Rinaldi Rowe Sandoval Serrano
    Shah Sorensen Soto Stroud Sutter Takeda Tanaka Tolliver Torres Umar Underwood Valdez Varga Vaughn Vega Wade
    Walsh Weiss Whitlock Winslow Yates Yilmaz Zamora Zapata Ziegler
    """
)

# Area codes by facility: the 100 numbers 555-0100 to 555-0199 of each are kept for fiction.
AREA_CODES = {
    "larkfield-north": words("312 773 630 708 847 331 224 815 309 217 618 779 872 464"),
    "mill-street": words("216 614 513 330 419 440 937 740 567 234 380 326 220 283"),
}
SPARE_AREA_CODES = words(
    """
    414 608 920 715 262 317 219 260 574 765 812 463 616 517 313 248 734 810 989 231 269 586 612 651 763 952 507
    218 320 314 816 417 573 636 660 502 606 859 270 615 901 423 731 865 931 304 412 215 610 717 814 570 724 484
    """
)

# What people say when they call. Their words stay theirs.
WORDS = [
    "I would like to stop but I am afraid of the first days.",
    "I have not slept since Sunday and I cannot do this by myself again.",
    "He laughed about falling down the stairs. I am not laughing.",
    "She says it is only on weekends. It is every day now.",
    "My doctor said to call you before I stop, so I am calling.",
    "The clinic gave it to me for depression and then I found it elsewhere too.",
    "I was with you two years ago. I know what helps me.",
    "Can I come today? If I wait until tomorrow I will not come.",
    "I drink when I use it. I know that is the dangerous part.",
    "He goes to the bathroom every twenty minutes and says it burns.",
    "My sister found your number. I said yes this time.",
    "I need to know what it costs before I tell my wife.",
    "I can be away from work for a month, not longer.",
    "The court date is on the ninth. I want to be somewhere by then.",
    "I just want to ask how it works.",
    "My son is 19 and he will not talk to me, but he talked to you.",
    "They sent me home from the hospital with a list. You are the third.",
    "I take four bars a day and I heard you cannot just stop.",
    "Is there something in the evening? I have the children.",
    "I relapsed after eight months. I want to come back.",
    "It is the pills from my back surgery, and then it was not the pills.",
    "I am outside your building. I did not know whether to come in.",
    "",
    "",
    "",
]
NOTES = [
    "Told how the first day goes and what to bring. Asked about family visits.",
    "Insurance card photographed. Prefers a call in the afternoon.",
    "Wants to talk with the family first. Agreed on another call.",
    "Asked about time off work and letters for the employer.",
    "Has a ride. Lives about 40 minutes away.",
    "Stopped once before for three weeks. What helped then was the evening group.",
    "Worried about the first nights. Explained who is there at night.",
    "Asked for a woman to speak to. Noted for the next call.",
    "Explained detox, residential and intensive outpatient in plain words.",
    "Prefers texts, no voicemail at home.",
    "Will ask the doctor for the list of medicines.",
    "Children are with the grandmother for now.",
    "Said the last weeks were the worst. Thanked us for listening.",
    "",
    "",
    "",
]
PROMISES = [
    "Call back with what a first day looks like.",
    "Tell what the plan pays for residential.",
    "Call again before work.",
    "Confirm the arrival and what to pack.",
    "Say yes or no on the bed.",
    "Ask again about medicines, then the pre-screen.",
    "Explain the visiting times.",
    "Call after the family has talked.",
    "Call with the names of two other places.",
    "Hear how the night was.",
    "Call about the evening group.",
    "Ask the hospital for the discharge time.",
]
KEPT = [
    "Reached, agreed on the next step",
    "Reached, wants time until next week",
    "Left voicemail as agreed",
    "Reached, pre-screen done",
    "Reached, coming as planned",
    "Reached the mother, told what consent allows",
]
BROKEN = ["Called late, reached", "Called late, no answer", "Nobody called in time"]
GOALS = [
    "Get through the first nights without leaving",
    "Name three early signs and whom to call",
    "Sleep without alcohol",
    "One honest talk with the family",
    "A plan for weekends",
    "Back to work without using",
    "",
]

# (code in admissions/substances.py, as told, usual routes)
SUBSTANCES = {
    "ketamine": (
        ["Ketamine", "Special K", "K", "Ketamine troches", "Ket"],
        ["inhaled", "inhaled", "injected", "oral"],
    ),
    "alcohol": (["Alcohol", "Vodka", "Beer and wine", "Drinking"], ["oral"]),
    "fentanyl": (["Fentanyl", "Blues", "Fent"], ["smoked", "smoked", "injected", "inhaled"]),
    "heroin": (["Heroin"], ["injected", "inhaled", "smoked"]),
    "oxycodone": (["Oxycodone", "Percocet", "Pain pills"], ["oral", "inhaled"]),
    "benzodiazepine": (["Xanax", "Bars", "Klonopin"], ["oral"]),
    "cocaine": (["Cocaine", "Coke"], ["inhaled"]),
    "methamphetamine": (["Meth", "Ice"], ["smoked", "injected"]),
    "cannabis": (["Weed", "Cannabis"], ["smoked"]),
}
AMOUNTS = {
    "ketamine": ["1 g a day", "half a gram a day", "2 g at weekends", "3 troches a day"],
    "alcohol": ["a bottle a day", "6 to 8 beers", "half a liter of vodka", "wine in the evening"],
    "fentanyl": ["10 pills a day", "a gram a day"],
    "benzodiazepine": ["4 bars a day", "2 mg at night"],
}
LAST_USE = ["this morning", "last night", "yesterday", "two days ago", "Saturday", "an hour ago", "not sure"]
