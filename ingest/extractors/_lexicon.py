"""Closed lists of English words that tell names from other words: function words, common words, kinds.

They only break ties; the document's own use of a word counts first (see `_profile`). All are lower-case.
"""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


FUNCTION = _set(
    """
    a an the this that these those such same some any each every either neither both all most many much more
    less few several other another others no not nor none only own one two three four five six seven eight
    nine ten eleven twelve i me my mine we us our ours you your yours he him his she her hers it its they them
    their theirs who whom whose which what myself himself herself itself themselves there here where when why
    how whether while whereas as if unless until till because since so than then thus hence therefore however
    although though despite and or but for yet of in on at by to from with without within into onto upon over
    under above below between among amongst through throughout during before after against about across along
    around near beside besides behind beyond toward towards via per off out up down be am is are was were been
    being have has had having do does did done doing can could may might must shall should will would ought
    let lets get gets got getting let's don't doesn't didn't isn't aren't wasn't weren't won't can't cannot
    i'm i've i'd it's that's there's he's she's we're we've they're you're you'll you've we'll here's what's
    who's also too very just even still again ever never always often sometimes usually already almost once
    twice soon later now today tomorrow yesterday perhaps maybe else etc eg ie vs yes ok okay first second
    third fourth fifth last next previous early late earlier latter former
    """
)

# Words that often begin sentences or head noun phrases and are seldom names on their own.
COMMON = FUNCTION | _set(
    """
    able according additional additionally after afterwards again ago alternatively altogether anyone anything
    apart apparently approximately arguably assume assuming based basically beginning better beware big born
    briefly built call called calling case causes certain change changes check choose click come common
    commonly compare compared consequently consider considering contains continue contrary conversely copy
    could create created creating critics current currently dear delete depending describe described designed
    details different directed don during each easy edit efforts eight elsewhere enable enter equally
    especially essentially established eventually everyone everything evidence example examples except
    excluding exists expect experts explain extra fans fact facts famous featuring fellow figure file files
    finally find fix following follows formed formerly fortunately found founded free full fully further
    furthermore general generally give given go good great greater half hello help hi high history hopefully
    i'll ideally important importantly include included includes including indeed information initially input
    inspired installed installing instead interesting interestingly involved issue issues join just keep key
    known large largely largest lastly lately leaving left less like likewise line lines list listing little
    local located long look looking low made mainly major make makes making mean means meanwhile memory method
    methods modern moreover mostly move much multiple name named names namely natural naturally nearby nearly
    need needs nevertheless new news nonetheless normally note notable notably notes nothing notice number
    numbers numerous obviously occasionally official officially old older open opening option optionally
    options order original originally otherwise output outside overall overview page pages part particularly
    parts people perhaps place please plot point points possible post press presumably previously primarily
    prior problem problems produced production provided provides published put question questions quick
    quickly quite raised rather read reading really recall recent recently regarding regardless related
    released remember reports results return returns review reviews right run running said save say second
    secondly section see seen select separate set sets setting several show shown shows similar similarly
    simple simply situated size small so someone something sometimes soon source special specifically start
    started starting starring state stated step steps stop story strictly style subsequent subsequently
    success suddenly summary suppose sure surprisingly table take taken takes tell test tests text thanks
    theoretically thing things think thirdly thought thousands time times tip title together top total toward
    traditionally true try trying turn twelve type types typical typically ultimately understand unfortunately
    unlike update upon use used useful user users uses using usually value values various version versions
    warning watch ways well whatever whenever wherever whichever whoever wide word words work working works
    world write writing written wrong year years young actor actors actress actresses administration album
    albums announced area areas army artist artists attendance author authors award awards band bands battle
    book books boy boys brother brothers building buildings business career cast census century chairman
    chapter character characters child children church churches cities city claims club coach college comedy
    companies company construction council countries country county couple court cover critic culture daughter
    day days death defence degree department development director district districts divided documentary drama
    economy education election elections employees engineers episode episodes event events exports families
    family father feature features fighting fiction film filming films fire food football forces game games
    genre girl girls goals government governor group groups growing head headquarters host hosts human husband
    ii iii income industry inside island islands job journalist judge king kings lake land language languages
    law lawyer lead leader leaders league legal legend life literature magazine man management manager map
    market marriage match mayor media medicine member members men military million minister minor money month
    months mother mountain movie movies music musician musicians nation national nations neighbouring
    newspaper newspapers night novel novels office officers oil one opera opposition owner parents park
    parties party peace performance period person physical plans plants play played player players plays
    police politician politics population power present president prince prize producer producers professor
    programming project provinces public queen race radio railway record recorded records region religion
    research researchers river rivers road role roles rock royal rules sales school schools science scientists
    season seasons senator series service services ship ships short singer singers single singles sister
    sisters site sites society soldiers son song songs sound south speakers species sports stadium staff
    stations stories street students studies study subject support system systems teacher team teams
    technology television theatre theory today tour tourism tourists town towns track trade traffic training
    transport travel tv universities university videos view village villages violence vocals volunteers war
    water weather west white wife winner winners winter witnesses women workers writer writers aircraft
    animals apple applications argument arguments array arrays attributes bytes code compilers computer
    computers concept configuration content contents data databases default documents download element
    elements error errors field fields format formats function functions function's integer interface keyword
    keywords library links loop message messages model models module modules node nodes object objects package
    packages parameter parameters path paths pattern patterns pointer process processes program programs
    property query queries reader readers reference references request requests response rows scope server
    servers software statement statements static storage string strings struct structs structure syntax task
    tasks tool tools traits transaction transactions tuple variable variables vector vectors web window
    """
)

# Before a name, at the beginning of a sentence, no part of it: "Actor Johnny Depp", "Later Tim Burton".
LEADS = _set(
    """
    actor actress author artist captain champion chairman chef coach comedian composer critic dancer designer
    director drummer economist editor engineer father filmmaker founder guitarist head historian host
    illustrator inventor journalist judge lawyer musician mother novelist owner painter photographer physicist
    pianist player poet politician producer professor rapper reporter researchers scholar scientist sculptor
    singer songwriter star vocalist writer brother sister son daughter wife husband fellow former famous
    notable modern legendary veteran according additionally afterwards alternatively apparently approximately
    based born built called consequently considered consider currently describe described designed directed
    eventually featuring finally following formed formerly founded furthermore generally historically included
    including initially inspired instead lately likewise mainly meanwhile moreover mostly named nearby
    nevertheless notably occasionally officially originally otherwise partly presumably previously produced
    published raised recently regarding released remember reportedly run see seen set similarly simply
    situated sometimes soon specifically starring subsequently surprisingly today traditionally typically
    ultimately unlike use used using usually visit watch when while whereas written install compare note given
    like think consists
    """
)
# Of these the second part of a hyphenated word makes an adjective: `Boston-based`.
ADJECTIVE_ENDINGS = (
    "based",
    "born",
    "like",
    "style",
    "era",
    "ed",
    "ing",
    "only",
    "free",
    "speaking",
    "language",
)
# After a person's name, letters that are no part of it.
POST_NOMINALS = _set(
    """
    obe mbe cbe kbe dbe dsc dso bsc phd md jd qc kc mp mep frs fba asc ace frcp esq m.d ph.d m.a b.a
    """
)
ROYAL = _set(
    """
    king queen prince princess emperor empress pope saint lord lady duke duchess count countess st chief
    """
)

# Kinds of things: in a name they are fine, alone they name nothing.
KINDS = _set(
    """
    academy administration agency airport army association avenue award awards bank battle bay bishop board
    boulevard bridge bureau cabinet canyon capital castle cathedral center central centre chair chamber
    championship championships chancellor chapter church city club coast college commander commission
    committee commonwealth company conference congress constitution corporation council county court creek cup
    department division dr duke earl east eastern emperor empire executive facebook faculty falls federation
    festival figure foundation fort general government governor hall harbor harbour high highway hill hills
    hospital house hotel institute institution international island islands journal junior king kingdom lady
    lake league library listing lord ltd machine major manager mayor middle minister ministry mount mountain
    mountains mr mrs ms museum national navy north northern northeast northwest northwestern northeastern
    ocean office online opera orchestra order organization palace park parliament part party peninsula plaza
    police port premier president prime prince princess prize professor programme province queen railway
    region republic river road royal school sea secretary section senate senator senior series sir society
    south southern southeast southwest southwestern southeastern square st state states station stadium street
    studio studios supreme table team technology temple theater theatre tower town township treaty tribune
    trust union university valley village volume vs west western world zone chief captain colonel lieutenant
    sergeant bill act saint district appendix step page note tip warning
    """
)

# An institution's name goes on over `for`, `and`, `in`, `at`, `on`: "Institute for Advanced Study".
INSTITUTIONS = _set(
    """
    academy act administration agency association award awards board bureau cathedral center centre church
    college commission committee conference congress convention council court department division faculty
    federation foundation fund group hall hospital institute institution journal laboratory league library
    medal ministry museum office order organisation organization party prize programme program school
    secretary minister society synod treaty union university undersecretary
    """
)

# Before a name, a form of address that is no part of it; an office may be: both forms are names then.
HONORIFICS = _set(
    """
    mr mrs ms miss mx dr prof rev fr capt col gen lt maj sgt sen rep gov pres actor actress
    """
)
OFFICES = HONORIFICS | _set(
    """
    sir dame reverend captain colonel general lieutenant major sergeant senator representative governor
    president chancellor judge justice mayor chairman secretary ambassador minister professor director
    commissioner architect cardinal bishop archbishop author singer
    """
)

PARTICLES = _set(
    """
    of de del della di da do dos das du des la le les el los las al van von der den ter ten zu zum zur y e bin
    ibn ben af og och und et
    """
)
JOINERS = _set(
    """
    for and on at
    """
)

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan janvier januar enero",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
DAYS = _set(
    """
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun
    """
)

# Verbs after a subject: an unknown capitalised word before one of them is likely a name.
SUBJECT_VERBS = _set(
    """
    is was are were has had became becomes began lies lived died won said says plays played wrote joined moved
    married
    """
)

# Titles and headings that name nothing: they do not connect documents.
GENERIC_TITLES = _set(
    """
    abstract acknowledgements acknowledgments about advanced aftermath analysis answer answers api appendix
    appendices approach architecture archive article awards background basics benefits bibliography biography
    body books build career cast changelog changes chapter chapters characters childhood code comments
    conclusion conclusions configuration contact content contents contributing contributors copyright credits
    culture data death default definition definitions demographics description design details development
    diagram discography discussion document documentation download downloads early economy education error
    errors evaluation events example examples exercise exercises experiments faq faqs features feedback figure
    figures file files filmography foreword further gallery general geography getting glossary goals
    government guide help history home implementation index info information input install installation
    instructions intro introduction issues items key keywords legacy legal level license licence life
    limitations line links list literature location main manual media members menu message method methodology
    methods misc miscellaneous model models music name navigation new news next no note notes notice number
    objectives options order origin origins other others output overview page pages parameters part parts
    personal plot population preface prerequisites press principles problem problems procedure process
    production products profile program programs project properties publications purpose question questions
    quickstart readme reading reception record recommendations reference references related release releases
    remarks report requirements research resources response results review route sample schedule scope search
    section sections see services settings setup sheet site sources specification specifications start started
    statistics status step steps structure style subject summary support syntax synopsis table tables task
    tasks teaser technical terms test testing tests text theory thanks things time timeline tips title titles
    toc todo tools topics track tracklist transcript transport trivia tutorial type types untitled update
    updates usage use user uses using value values version versions video videos view warning warnings website
    work works writing year years also external and of the a an to in for with on our your this what why how
    where who is are at-a-glance
    """
)
# Of the generic titles these name something together with another word: `Data Types`.
TOPICAL = _set(
    """
    architecture archive article body career code configuration culture data death development economy
    education error errors feature features file files geography government image information input key
    keywords language legal memory message method methods model models music network number output people
    person plot population principles process production program programs properties question research search
    services statistics style system table task tasks test testing tests text theory time tool tools track
    training transport type types user users value values version video view warning work works
    """
)

# Kinds that say nothing of a thing: `X is the result of ...`.
VAGUE_KINDS = _set(
    """
    home sports father mother work final solution fit means runs good reason place person thing case choice
    problem difference issue matter attempt son daughter child brother sister wife husband one part member
    series number list set group type kind form name way lot variety result example use
    """
)
PLAIN_ADJECTIVES = _set(
    """
    new original large small good great main major popular famous simple common special young old single whole
    specific
    """
)
DEMONYM_ENDINGS = ("an", "ese", "ish", "ch", "ic", "i", "man", "ss", "ek", "se")
# Words before a number or letter that points somewhere: `Figure 3`.
NUMBERED = _set(
    """
    figure fig table chapter section listing appendix step page note example exercise equation line column row
    slide volume part act scene level item question version no vol ch sec paragraph lesson unit day week
    """
)
NAME_SUFFIXES = _set(
    """
    jr sr inc ltd ii iii iv
    """
)
PLACE_PREPOSITIONS = _set(
    """
    in of from near at to outside around through into
    """
)
COMMON_ENDINGS = (
    "ing",
    "ly",
    "tion",
    "tions",
    "sion",
    "ment",
    "ments",
    "ness",
    "ity",
    "ities",
    "ous",
    "ful",
    "able",
    "ible",
)
