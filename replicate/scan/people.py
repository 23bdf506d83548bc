"""Common names of persons and of cities, to know a column of them by."""

from __future__ import annotations

from replicate.scan.words import word_set

FIRST_NAMES = word_set(
    """
    aaron abdul abigail adam adele adrian agnes ahmed aisha alan albert alejandro alessandro alex
    alexander alexandra ali alice alina amanda amelia amy ana anders andre andrea andreas andrew
    angela anita anja ann anna anne annika anthony antonio anton aria arthur ashley astrid audrey
    ava barbara beatrice ben benjamin bernd beth birgit bob brandon brenda brian bruno camille
    carla carlos carmen carol caroline catherine charles charlotte chiara chloe chris christian
    christina christine christopher claire clara claudia daniel daniela david deborah denise
    dennis diana diego dieter dirk dmitri donald donna dorothy edith eduardo edward elena eleanor
    elias elif elisa elizabeth ella elsa emily emma enrique eric erica erik esther ethan eva
    evelyn fatima felix fernanda fernando finn fiona florian frances francesca francisco frank
    franz fred frederik gabriel gabriele george gerald gerhard giovanni giulia gloria grace greg
    gregory greta guido gustavo hannah hans harald harry hasan heather heidi heike heinz helen
    helena helga henry hugo ian ibrahim ines ingrid irene iris isabel isabella ivan jack jacob
    jacqueline jakob james jan jana jane janet jason javier jean jeffrey jennifer jens jeremy
    jessica jesus jim joan joana joao joe johan johannes john jonas jonathan jorge jose josef
    joseph joshua juan judith judy julia julian julie juliette jürgen justin karen karin karl
    katharina katherine kathleen katja kelly kenneth kevin kim kimberly klaus kyle lara larry lars
    laura lauren lea leah lena leo leon leonie liam lily linda lisa logan lorenzo louis louise
    luca lucas lucia lucy luis luisa luiz lukas luke madison manfred manuel manuela marc marco
    margaret maria mariana marie marina mario marion mark markus marta martha martin martina mary
    mason mateo mateus matthew matthias maximilian megan mehmet melissa mia michael michaela
    michel michelle miguel mike mohamed mohammed monica monika moritz nadia nancy natalia natalie
    nathan nicholas nick nicolas nicole nils nina noah nora olaf oliver olivia omar oscar pablo
    pamela paolo patricia patrick paul paula paulo pedro peter petra philip pierre priya rachel
    rafael raj ralf ramon raul rebecca renate ricardo richard rita robert roberto roger roland
    ronald rosa rose ruben russell ruth ryan sabine sally sam samantha samuel sandra sara sarah
    scott sean sebastian sergio sharon shirley silvia simon sofia sophia sophie stefan stefanie
    stephanie stephen steven sue susan susanne sven svetlana sylvia teresa theo theodore theresa
    thomas thorsten tim timothy tina tobias tom torsten tyler ulrich ursula uwe valentina vanessa
    vera victor victoria vincent virginia walter wei werner wilhelm william wolfgang yan yasmin
    yusuf yuki zoe
    """
)

LAST_NAMES = word_set(
    """
    adams aguilar ahmed ali allen almeida alvarez alves andersen anderson bailey baker barbosa
    barnes bauer baumann becker bell bennett bernard bertrand bianchi bonnet brooks brown bruno
    butler campbell carter castillo castro chavez chen clark collins colombo contreras cook cooper
    costa cox cruz davies davis delgado diaz dubois dupont durand edwards esposito evans fernandes
    fernandez ferrari ferreira fischer flores foster fournier franke fuchs gallo garcia garnier
    gomes gomez gonzales gonzalez gray green gupta gutierrez hahn hall hansen harris hartmann
    hernandez herrera hill hoffmann hofmann howard huber hughes jackson jain james jansen jenkins
    jensen jimenez johansson johnson jones kaiser kelly khan kim king klein koch köhler kowalski
    krause krüger kumar lambert lange larsen laurent lee lefebvre lehmann leroy lewis li lima
    lopez ludwig maier marino marques martin martinez martins mayer mendez mendoza meyer michel
    miller mitchell moore morales moreau morel moreno morgan morris müller murphy murray nelson
    neumann nguyen nielsen nowak nunes oliveira olsen ortiz parker patel peeters pereira perez
    peters petersen peterson petit phillips pinto powell price ramirez ramos reed reyes ribeiro
    ricci richards richardson richter rivera roberts robinson rocha rodrigues rodriguez rogers
    romano romero rossi roux ruiz russell russo sanchez sanders santos sato schmid schmidt schmitt
    schneider scholz schröder schubert schulz schulze schwarz scott sharma silva simon singh smith
    sousa souza stewart suarez sullivan suzuki svensson tanaka taylor thomas thompson torres
    turner vargas vasquez vogel wagner walker walter wang ward watson weber weiss werner white
    williams wilson winkler wolf wong wood wright yang yilmaz young zhang zimmermann
    """
)

CITIES = word_set(
    """
    amsterdam antwerp athens atlanta austin bangalore barcelona basel beijing belfast berlin bern
    bilbao birmingham bogotá bogota bologna bordeaux boston bremen bristol brisbane brussels
    bucharest budapest cairo calgary cardiff chennai chicago cologne copenhagen curitiba dallas
    delhi denver detroit dortmund dresden dublin düsseldorf edinburgh essen florence fortaleza
    frankfurt geneva genoa glasgow gothenburg hamburg hannover helsinki houston hyderabad istanbul
    jakarta karlsruhe kiev köln kraków krakow leeds leicester leipzig lille lima lisbon liverpool
    london lyon lübeck madrid mainz manchester mannheim marseille melbourne miami milan milano
    montreal moscow mumbai munich münchen münster nantes naples newcastle nice nottingham
    nuremberg nürnberg oslo ottawa paris perth philadelphia phoenix portland porto poznan prague
    quito rennes rome roma rotterdam salvador santiago seattle seoul seville sevilla shanghai
    sheffield singapore stockholm strasbourg stuttgart sydney tokyo toronto toulouse turin utrecht
    valencia vancouver vienna wien warsaw warszawa wrocław zagreb zurich zürich
    """
) | frozenset(
    ("new york", "los angeles", "san francisco", "san diego", "san antonio", "são paulo",
     "rio de janeiro", "mexico city", "buenos aires", "cape town", "hong kong", "new delhi",
     "las vegas", "washington", "the hague", "den haag", "sao paulo", "frankfurt am main")
)  # fmt: skip
