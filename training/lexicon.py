"""What a word does in an answer, or speaks of: it hedges, thanks, gives a reason; it names food.

A handful of ratings says little about any one word, and much sooner something about a way of writing.
Embeddings know that words mean the same, hardly that they do the same. So words are told apart by what
they do, as studies of style have it: what writers do with their readers (Hyland 2005, Metadiscourse),
courtesy (Danescu-Niculescu-Mizil et al. 2013, arXiv:1306.6078), and the word counts of psychology
(Tausczik and Pennebaker 2010, doi:10.1177/0261927X09351676), whose topics and function words follow.
English alone; a word may do several things. Knows no answer and no rating.
"""

LEXICON: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "adding": "also additionally besides furthermore moreover likewise too plus addition",
        "contrasting": (
            "but however although though yet nevertheless nonetheless whereas while despite "
            "instead rather still unlike otherwise contrary"
        ),
        "reasoning": (
            "because since therefore thus hence so consequently cause causes caused reason "
            "reasons result results due why leads lead means explains"
        ),
        "ordering": (
            "first second third firstly secondly thirdly next then finally lastly begin "
            "begins start starts step steps stage following last"
        ),
        "illustrating": (
            "example examples instance namely e.g i.e including such like specifically "
            "particular imagine suppose illustrates case"
        ),
        "hedging": (
            "may might could perhaps maybe possibly probably likely seems seem appears appear "
            "often usually generally typically sometimes about around roughly approximately "
            "somewhat suggests suggest tends tend almost fairly quite mostly"
        ),
        "stressing": (
            "very really certainly definitely clearly obviously indeed truly absolutely "
            "extremely highly completely totally entirely surely undoubtedly especially"
        ),
        "always": "all always every everyone everything everywhere never only any entire whole none",
        "self": "i me my mine myself",
        "together": "we us our ours ourselves together let",
        "addressing": "you your yours yourself yourselves",
        "others": "he she they him her them his their theirs himself herself themselves",
        "courtesy": (
            "please thank thanks welcome sorry apologize apologies appreciate grateful hello "
            "hi dear greetings pleasure excuse pardon"
        ),
        "pleasant": (
            "good great wonderful excellent amazing nice lovely beautiful best love loved "
            "enjoy fantastic awesome brilliant perfect kind fun exciting delightful helpful "
            "happy glad joy favorite smile warm gentle friendly proud hope success win"
        ),
        "caring": (
            "help care support comfort encourage trust safe together understand share friend "
            "friends listen worry hug"
        ),
        "unpleasant": (
            "bad sad terrible awful wrong hate fear afraid worst poor pain hurt hard "
            "difficult problem problems danger dangerous risk ugly angry worried anxious "
            "lonely tired stress loss suffer crisis"
        ),
        "denying": (
            "not no never nothing nor neither without cannot don doesn isn aren wasn weren "
            "can't don't doesn't isn't won't"
        ),
        "urging": (
            "should must need needs ought required necessary important essential try consider "
            "make remember ensure avoid use keep check"
        ),
        "enabling": "can able possible allow allows enable enables lets option options choice choose",
        "counting": (
            "one two three four five six seven eight nine ten hundred thousand million "
            "billion half dozen many several few some more most less least number amount"
        ),
        "timing": (
            "now today tomorrow yesterday day days night week month year years hour hours "
            "minute minutes time moment century decade ago soon later early season morning "
            "evening"
        ),
        "sensing": (
            "see look hear feel touch taste smell sound bright dark soft loud sweet color "
            "colors cold hot smooth"
        ),
        "thinking": (
            "think believe know understand feel consider opinion idea mind learn wonder guess "
            "view agree"
        ),
        "asking": "what how why which who where when whose whether",
        "comparing": "than more less better worse like as similar same different difference compared",
        "defining": "is are means called known refers defined definition term type kind form",
        "acting": "do go get take make give put run move turn work play build bring",
        "past": "was were had did been became said went made found",
        "future": "will shall going would",
        "casual": "yeah ok okay wow hey cool guys stuff lot kids pretty gonna well",
        "formal": (
            "utilize regarding individuals numerous demonstrate facilitate significant "
            "various provide obtain require additional appropriate furthermore subsequently "
            "within upon"
        ),
        "sourcing": (
            "according research study studies scientists evidence experts report data found shows"
        ),
        "articles": "the a an",
        "placing": "of in on at by for from with to into over under through between",
        "joining": "and or",
        "pointing": "it its this that these those there",
        "auxiliary": "be been being has have do does did",
        "nature": (
            "tree trees plant plants flower flowers forest ocean sea river lake mountain "
            "mountains sky sun moon star stars rain snow wind water animal animals bird birds "
            "fish dog cat earth leaf leaves garden soil wild"
        ),
        "people": (
            "people person man woman men women child children family mother father parents friend "
            "friends boy girl community society human humans baby brother sister team"
        ),
        "food": (
            "food eat eating drink cook cooking meal bread meat fruit vegetables milk sugar salt "
            "coffee tea cheese rice soup butter cup taste kitchen recipe"
        ),
        "body": (
            "body health healthy heart blood brain skin eyes hand hands head hair muscle muscles "
            "bone bones sleep disease doctor medicine exercise breath"
        ),
        "work": (
            "work job business company money pay cost price market buy sell bank skill skills "
            "project goal goals manage plan plans office career"
        ),
        "knowledge": (
            "science theory system process energy technology computer data machine information "
            "history school book books student students language mathematics physics program"
        ),
        "place": (
            "place places city country world town street building house home room travel park "
            "road island land north south east west"
        ),
        "feeling": (
            "feel feels feeling feelings emotion emotions happiness sadness anger emotional mood "
            "grief excitement"
        ),
        "moving": (
            "go goes going walk run move moves moving come comes travel fly jump fall rise push "
            "pull"
        ),
        "saying": (
            "say says said tell tells told speak talk ask asks answer call write writes written "
            "read story word words sentence"
        ),
        "size": (
            "big small large huge tiny little long short high low deep wide tall great thin thick"
        ),
    }.items()
}


def of_word(word: str) -> tuple[float, ...]:
    """Return for each entry of `LEXICON` whether a word is in it, 1 or 0."""
    plain = word.lower()
    return tuple(float(plain in words) for words in LEXICON.values())
