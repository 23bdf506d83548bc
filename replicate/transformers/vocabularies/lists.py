"""Words to pick replacements from: names of several cultures, of places and of work.

The picks depend on the place of a word in its list: with the same masking key, another list gives
another replacement to nearly every value. So a list is never edited once it has been released.
"""

from __future__ import annotations

_FIRST_NAMES = """
Aaron Abdul Abel Abigail Abraham Ada Adam Adela Adele Adrian Adriana Agata Agnes Ahmed Aida
Aiden Aiko Aisha Akira Alan Alana Alba Albert Alberto Alec Aleksander Alessandra Alessandro
Alex Alexander Alexandra Alfonso Alfred Ali Alice Alicia Alina Alison Alma Alonso Alva Alvaro
Alvin Amalia Amanda Amara Amber Amelia Amina Amir Amit Amy Ana Anastasia Anders Andre Andrea
Andreas Andrei Andres Andrew Angela Angelina Angelo Angus Anika Anita Anja Ann Anna Annabel
Anne Annette Annika Anthony Antoine Anton Antonia Antonio Anya April Arjun Arlene Armando
Arne Arnold Arthur Arturo Arvid Asha Ashley Astrid Audrey August Aurelia Aurora Ava Axel
Ayesha Barbara Barry Bart Basil Beata Beatrice Beatriz Bella Ben Benedict Benita Benjamin
Benno Bernadette Bernard Bernardo Bernd Bertha Beth Bettina Bianca Bill Birgit Bjorn Blake
Blanca Bob Bogdan Bonnie Boris Brad Brandon Brenda Brian Bridget Britta Bruce Bruno Bryan
Caleb Calvin Cameron Camila Camille Candice Carina Carl Carla Carlos Carmen Carol Carolina
Caroline Carsten Casper Cassandra Catalina Catherine Cecilia Cedric Celeste Celia Celine
Cesar Chad Chandra Chantal Charles Charlotte Chen Cheryl Chiara Chloe Christian Christina
Christine Christoph Christopher Ciara Cindy Claire Clara Clarence Claudia Claudio Claus
Clement Clifford Clive Cody Colette Colin Conrad Constance Cora Cordula Corinna Cornelia
Cosima Craig Cristina Curtis Cynthia Cyril Dafne Dagmar Daisy Damian Dana Daniel Daniela
Danielle Daria Dario Darius Darren David Dawn Dean Deborah Deepak Delia Denise Dennis Derek
Desmond Diana Diego Dieter Dimitri Dina Dirk Dmitri Dolores Dominic Dominik Donald Donna Dora
Doreen Doris Dorothea Dorothy Douglas Duncan Dylan Earl Edgar Edith Edmund Eduardo Edward
Edwin Eileen Elaine Eleanor Elena Eleni Eli Elias Elif Elijah Elin Elisa Elisabeth Elise
Ella Ellen Elliot Elsa Elvira Emil Emilia Emilio Emily Emma Emmanuel Enrico Enrique Enzo
Eric Erica Erika Erin Ernest Ernesto Erwin Esmeralda Esteban Estelle Esther Ethan Etienne
Eugene Eva Evan Evelyn Fabian Fabio Faith Farid Fatima Federico Felicia Felipe Felix Ferdinand
Fernando Filip Fiona Flora Florence Florian Frances Francesca Francesco Francis Francisco
Franco Frank Franz Freddie Frederick Frederik Frida Friedrich Fumiko Gabriel Gabriela Gareth
Gary Gemma Genevieve Geoffrey George Georgia Gerald Gerard Gerda Gerhard Giacomo Gilbert
Gina Giorgio Giovanni Gisela Giulia Giuseppe Glen Gloria Gonzalo Gordon Grace Graham Greg
Gregory Greta Gudrun Guido Guillermo Gunnar Gustav Gustavo Guy Hana Hanna Hannah Hannes Hans
Harald Harold Harriet Harry Harvey Hassan Hazel Heather Hector Heidi Heike Heinrich Helen
Helena Helene Helga Helmut Hendrik Henri Henriette Henrik Henry Herbert Hermann Hilary Hilda
Hiroshi Holger Holly Hope Horst Howard Hubert Hugh Hugo Humberto Ian Ibrahim Ida Ignacio Igor
Ilona Ilse Imani Imran Ines Inga Ingmar Ingrid Irene Irina Iris Isaac Isabel Isabella Isabelle
Isaiah Ismael Ivan Ivana Ivy Iwan Jack Jackson Jacob Jacqueline Jacques Jada Jaime Jakob Jamal
James Jamie Jan Jana Jane Janet Janina Janine Jared Jasmin Jason Javier Jay Jean Jeanette
Jeffrey Jelena Jennifer Jens Jeremy Jerome Jesper Jessica Jesus Jill Jim Joachim Joan Joanna
Joao Joaquin Jochen Jodie Joel Johan Johann Johanna Johannes John Jonas Jonathan Jordan Jorge
Jose Josef Joseph Josephine Joshua Joyce Juan Juana Judith Judy Julia Julian Juliana Julie
Juliette Julio Julius June Jurgen Justin Justine Kai Kaito Kamal Karen Karim Karin Karina Karl
Karla Karsten Kasper Katarina Kate Katharina Katherine Kathleen Katja Kavita Kay Keiko Keith
Kelly Kenji Kenneth Kerstin Kevin Khadija Khalid Kim Kirsten Klara Klaus Konrad Kristian
Kristin Kristof Kurt Kwame Kyle Laila Lara Larissa Larry Lars Laszlo Laura Lauren Laurence
Laurent Lea Leah Leandro Leila Lena Leo Leon Leona Leonard Leonardo Leonie Leopold Leroy
Leslie Lewis Liam Lidia Lila Lilian Lilly Lin Lina Linda Lionel Lisa Livia Liza Logan Lola
Lorena Lorenzo Lothar Louis Louisa Louise Luca Lucas Lucia Lucian Lucie Lucy Ludwig Luis Luisa
Luka Lukas Lydia Lynn Mabel Madeleine Magda Magdalena Magnus Mai Malcolm Malik Manfred Manuel
Manuela Mara Marc Marcel Marcela Marcia Marco Marcos Marcus Margaret Margarita Margot Maria
Mariam Marian Mariana Marianne Marie Marina Mario Marion Marisa Mariusz Marjorie Mark Markus
Marlene Marlon Marta Martha Martin Martina Mary Masako Mateo Mateusz Mathias Mathilda Matteo
Matthew Maureen Maurice Mauro Max Maximilian Maya Megan Mehmet Mei Melanie Melissa Mercedes
Meredith Mia Michael Michaela Michele Michelle Miguel Mika Mikael Mikhail Mila Milan Milena
Milton Mina Ming Mira Miranda Miriam Mirko Mohamed Mohan Moira Mona Monica Monika Morgan
Moritz Moses Muhammad Muriel Mustafa Myra Nadia Nadine Naomi Natalia Natalie Natasha Nathan
Nathaniel Neil Nelson Nestor Nicholas Nico Nicola Nicolas Nicole Nigel Nikita Nikolai Nils
Nina Nisha Noah Noel Noelia Nora Norbert Noreen Norma Norman Nuria Octavia Olaf Ole Oleg Olga
Olive Oliver Olivia Omar Ophelia Orlando Oscar Osman Oswald Otis Otto Owen Pablo Paloma Pamela
Paola Paolo Patricia Patrick Paul Paula Paulina Pauline Pavel Pedro Penelope Percy Peter Petra
Philip Philipp Phoebe Pia Piero Pierre Pilar Piotr Priya Quentin Quincy Rachel Radek Rafael
Rahul Raimund Rainer Raj Ralf Ralph Ramon Ramona Randy Raphael Raquel Rashid Raul Ravi Raymond
Rebecca Regina Reinhard Renata Renate Rene Ricardo Richard Rita Robert Roberta Roberto Robin
Rodrigo Roger Roland Rolf Roman Romina Ronald Rosa Rosalie Rosario Rose Rosemary Rosie Ross
Rowan Roxana Roy Ruben Rudolf Rufus Rupert Russell Ruth Ryan Sabina Sabine Sabrina Sally
Salma Salvador Sam Samantha Samir Samuel Sandra Sandro Sanjay Santiago Sara Sarah Sascha Saskia
Saul Sean Sebastian Selena Selma Serena Sergei Sergio Shannon Sharon Shirley Sibylle Sidney
Siegfried Sigrid Silke Silvia Simon Simona Simone Sofia Solange Sonia Sonja Sophia Sophie
Stanislav Stanley Stefan Stefania Stella Stephan Stephanie Stephen Steven Stuart Sunita Susan
Susana Susanne Svea Sven Svetlana Sylvia Tadeusz Takashi Tamara Tamika Tania Tanya Tara Tariq
Tatiana Terence Teresa Tessa Thea Theo Theodor Theresa Thierry Thomas Tiffany Till Tim Timothy
Tina Tobias Tom Tomas Tommaso Toni Torsten Tracy Trevor Tristan Troy Tyrone Ulrich Ulrike Uma
Ursula Uwe Valentin Valentina Valeria Valerie Vanessa Vera Verena Veronica Victor Victoria
Viktor Vincent Vincenzo Viola Violet Virginia Vivian Vladimir Volker Walter Wanda Warren Wayne
Wendy Werner Wesley Wilhelm William Winifred Wolfgang Xavier Ximena Yasmin Yolanda Yosef Yuki
Yuri Yusuf Yvonne Zachary Zahra Zara Zelda Zoe Zofia Zoltan
"""
FIRST_NAMES: tuple[str, ...] = tuple(_FIRST_NAMES.split())

_LAST_NAMES = """
Abbott Abe Abdullah Abel Abrams Acosta Adams Adler Afonso Aguilar Aguirre Ahmad Ahmed Akhtar
Albrecht Alexander Ali Allen Almeida Alonso Alvarez Alves Amaral Amin Andersen Anderson
Andersson Andrade Andrews Antunes Aoki Arai Araujo Archer Arnold Arroyo Arslan Ashton Atkins
Atkinson Austin Avila Aydin Ayers Bach Bachmann Bailey Baker Balakrishnan Baldwin Ball Banerjee
Banks Barber Barbieri Barbosa Barker Barnes Barnett Barrett Barros Barry Barton Bates Batista
Bauer Baumann Beck Becker Bell Benitez Bennett Benson Berger Bergmann Bernard Berry Bertrand
Bianchi Bird Bishop Black Blair Blake Blanc Blanchard Bloom Blum Boehm Bondarenko Bonnet Booth
Borges Bosch Bose Boucher Bowen Bowman Boyd Bradley Brady Brandt Braun Brennan Brewer Briggs
Brito Brooks Brown Bruno Bryant Buchanan Burgess Burke Burns Burton Busch Bush Butler Byrne
Caballero Cabrera Caldwell Calvo Cameron Campbell Campos Cano Cardoso Carlson Carlsson Carmona
Caron Carpenter Carr Carroll Carter Carvalho Caruso Castillo Castro Celik Chambers Chan Chandler
Chang Chapman Chavez Chen Cheng Cheung Chevalier Choi Chopra Chowdhury Christensen Clark Clarke
Clement Cohen Cole Coleman Colin Collins Colombo Conley Connor Contreras Conway Cook Cooper
Correia Cortes Costa Cox Craig Crawford Crespo Cross Cruz Cunha Cunningham Curtis Dahl Dalton
Daniels Das Davies Davila Davis Dawson Day Dean Delgado Demir Deng Dennis Desai Deschamps Dias
Diaz Dickson Dietrich Dixon Dogan Dominguez Donovan Doyle Duarte Dubois Dufour Duncan Dunn
Dupont Duran Durand Dvorak Eaton Ebert Eckert Edwards Egger Eklund Elliott Ellis Engel Eriksen
Eriksson Espinosa Esposito Estrada Evans Fabre Farias Farrell Faure Fernandes Fernandez Ferrara
Ferrari Ferreira Fiedler Field Figueroa Finch Fischer Fisher Fitzgerald Fleming Fletcher Flores
Fontaine Forbes Ford Foster Fournier Fowler Fox Frank Franke Fraser Frazier Freeman French Frey
Friedrich Fuchs Fuentes Fujita Fuller Gallagher Gallego Gallo Garcia Gardner Garner Garrett
Gaspar Gauthier George Gerard Gibson Gil Gilbert Gill Gimenez Giordano Girard Gomes Gomez
Goncalves Gonzalez Goodman Gordon Goto Graf Graham Grant Gray Greco Green Greene Griffin Gross
Gruber Guerrero Gupta Gustafsson Gutierrez Guzman Haas Hahn Hale Hall Hamilton Hammond Han
Hansen Hanson Hara Harding Hardy Harper Harris Harrison Hart Hartmann Harvey Hasegawa Hashimoto
Hassan Hawkins Hayashi Hayes Heinrich Henderson Henry Herman Hernandez Herrera Herrmann Hicks
Higgins Hill Hinz Ho Hoffmann Hofer Hogan Holland Holm Holmes Holt Hopkins Horn Horvath Hossain
Howard Howell Huang Huber Hudson Hughes Hughson Hunt Hunter Hussain Ibarra Ibrahim Iglesias
Ikeda Inoue Ishii Ito Ivanov Iyer Jackson Jacobs Jain Jansen Janssen Jarvis Jenkins Jensen
Jimenez Johansen Johansson John Johnson Johnston Jones Jordan Joseph Joshi Jung Kaiser Kaminski
Kang Kapoor Karlsson Kaur Kaya Keller Kelly Kemp Kennedy Kern Kerr Khan Kim King Kirby Klein
Knight Kobayashi Koch Koehler Koenig Kondo Kovac Kovacs Kowalski Kraft Kraus Krause Kruger Kuhn
Kumar Kurt Kuznetsov Lam Lambert Lane Lang Lange Larsen Larson Larsson Lau Laurent Lawrence
Lawson Leal Lee Lefebvre Legrand Lehmann Lemaire Leon Leone Leroy Lewandowski Lewis Li Liang
Lim Lima Lin Lindberg Lindgren Lindholm Ling Little Liu Lloyd Logan Lombardi Long Lopes Lopez
Lorenz Lowe Lozano Lucas Ludwig Lund Lundqvist Lynch Lyons Macdonald Machado Mackenzie Maeda
Maier Malik Mancini Mann Marchand Marchetti Marin Marino Markovic Marques Marquez Marshall
Martens Martin Martinelli Martinez Martini Martins Mason Mathieu Matos Matsuda Matsumoto
Matthews Maurer May Mayer Mazur Mccarthy Mcdonald Mcgrath Mckay Mckenna Mclean Medina Mehta
Meier Melo Mendes Mendez Mendoza Menon Mercier Meyer Michel Miles Miller Mills Miranda Mishra
Mitchell Moeller Mohamed Molina Montero Montgomery Moore Mora Morales Moreau Moreira Morel
Moreno Moretti Morgan Mori Morin Morris Morrison Morton Moser Moss Mueller Mukherjee Munoz
Murakami Murphy Murray Myers Nagy Nair Nakajima Nakamura Navarro Neal Nelson Neumann Neves
Newman Newton Ng Nguyen Nicholson Nicolas Nielsen Nieto Nilsson Nishimura Noel Nolan Nordin
Norris Novak Nowak Nunes Nunez Obrien Ochoa Ogawa Ohara Okada Okafor Okamoto Oliveira Oliver
Olsen Olson Olsson Oneill Ono Orlov Orozco Ortega Ortiz Osborne Osman Ota Otto Owens Ozturk
Pace Pacheco Padilla Page Palmer Pappas Pardo Park Parker Parsons Pascual Patel Paterson Patil
Paul Pavlov Payne Pearce Pearson Pedersen Pellegrini Pena Peng Pereira Perez Perkins Perrin
Perry Persson Peters Petersen Peterson Petit Petrov Petrovic Pfeiffer Pham Phillips Pichler
Pierce Pinto Popescu Popov Porter Potter Powell Pratt Prieto Price Prince Quinn Rahman Raman
Ramirez Ramos Rao Rasmussen Ray Reddy Reed Reeves Reid Reilly Reis Reyes Reynolds Ribeiro Ricci
Rice Richards Richardson Richter Riley Rinaldi Rios Rivera Rizzo Robert Roberts Robertson
Robinson Rocha Roche Rodrigues Rodriguez Rogers Rojas Romano Romero Rose Rosen Ross Rossi Roth
Rousseau Rowe Roy Rubio Ruiz Russell Russo Ryan Saito Sakai Salazar Sanchez Sanders Sandoval
Santana Santiago Santoro Santos Sanz Sato Sauer Saunders Schaefer Scharf Scherer Schmid Schmidt
Schmitt Schneider Scholz Schreiber Schroeder Schubert Schulte Schultz Schulz Schuster Schwarz
Scott Seidel Serra Serrano Shah Shankar Sharma Sharp Shaw Shevchenko Shimizu Short Silva Simmons
Simon Simpson Sims Singh Skinner Smirnov Smith Snyder Soares Sokolov Solis Sommer Song Soto
Sousa Souza Spencer Stanley Stark Steele Stein Steiner Stephens Stevens Stevenson Stewart Stone
Strand Strauss Strickland Suarez Sullivan Summers Sun Sundberg Sutherland Sutton Suzuki Svensson
Swanson Sweeney Swift Szabo Takahashi Takeda Tan Tanaka Tang Tavares Taylor Teixeira Thapa Thomas
Thompson Thomson Thornton Torres Toth Townsend Tran Turner Tyler Ueda Urban Valdez Valencia
Valentine Vance Vargas Vasquez Vaughan Vega Velasco Vera Verma Vidal Vieira Villa Vincent Vogel
Vogt Wada Wagner Walker Wallace Walsh Walter Walters Wang Ward Warner Warren Watanabe Watkins
Watson Watts Weaver Webb Weber Webster Wei Weiss Wells Wendt Werner West Wheeler White Whitaker
Wilkins Williams Williamson Willis Wilson Winkler Winter Wolf Wong Wood Woods Wright Wu Xu Yadav
Yamada Yamaguchi Yamamoto Yang Yilmaz Yoshida Young Yu Zamora Zapata Zhang Zhao Zheng Zhou Zhu
Ziegler Zimmermann
"""
LAST_NAMES: tuple[str, ...] = tuple(_LAST_NAMES.split())

_SHORT_NAMES = """
abby abel adam alan alba alec alex alma alva amir amos andy anja anna anne anya arlo arne arno
arya asha axel beau bell bert beth bill birk blas brad brit buck cade cara carl caro chad chen
clay cleo clio cody cole cora cruz curt dale dana dave dawn dean dina dion dirk dora drew duke
earl eddy eden edie elif elin ella elle elsa emil emma emmy enid enzo eric erik eryn faye finn
fred gabe gail gary gene gina gino glen greg gwen hana hank hans hugh hugo igor ilsa inga inge
ines iona iris isla ivan iwan jack jada jade jake jana jane jean jeff jens jess jill joan jodi
joel john jose josh juan jude judy juli june juno kane kara karl kate kaya kent kian kiko kira
kirk knut kobe kofi kurt kyle kyra lana lara lars leah leif lena leon lexi liam lila lili lily
lina lisa liza lola lore lori luca lucy luis luka luke luna lynn lyra maia mara marc mark mary
matt maud maya mike mila milo mina mira moss nate neil nell nico nils nina noah noel nola nora
olaf olga olin omar opal orla otis otto owen paco page paul pete phil ravi remy rene rhea rhys
rick rita roma rory rosa rose ross rosy ruby ruth ryan sage sara saul sean seth shay sven tara
tess thea theo tina tito todd tomy toni troy vera vick vita vito wade walt ward will wren yara
yoko yuki yves zack zara zeke zena zora zuri
"""
SHORT_NAMES: tuple[str, ...] = tuple(_SHORT_NAMES.split())
"""What a masked e-mail address begins with: 256 names of four letters."""

_OF_WOMEN = """
Abigail Ada Adela Adele Adriana Agata Agnes Aida Aiko Aisha Akira Alana Alba Alessandra Alexandra
Alice Alicia Alina Alison Alma Alva Amalia Amanda Amara Amber Amelia Amina Amy Ana Anastasia Angela
Angelina Anika Anita Anja Ann Anna Annabel Anne Annette Annika Antonia Anya April Arlene Asha
Astrid Audrey Aurelia Aurora Ava Ayesha Barbara Beata Beatrice Beatriz Bella Benita Bernadette
Bertha Beth Bettina Bianca Birgit Blanca Bonnie Brenda Bridget Britta Camila Candice Carina Carla
Carmen Carol Carolina Caroline Cassandra Catalina Catherine Cecilia Celeste Celia Celine Chantal
Charlotte Cheryl Chiara Chloe Christina Christine Ciara Cindy Claire Clara Claudia Colette
Constance Cora Cordula Corinna Cornelia Cosima Cristina Cynthia Dafne Dagmar Daisy Daniela Danielle
Daria Dawn Deborah Delia Denise Diana Dina Dolores Donna Dora Doreen Doris Dorothea Dorothy Edith
Eileen Elaine Eleanor Elena Eleni Elif Elin Elisa Elisabeth Elise Ella Ellen Elsa Elvira Emilia
Emily Emma Erica Erika Erin Esmeralda Estelle Esther Eva Evelyn Faith Fatima Felicia Fiona Flora
Florence Frances Francesca Frida Fumiko Gabriela Gemma Genevieve Georgia Gerda Gina Gisela Giulia
Gloria Grace Greta Gudrun Hana Hanna Hannah Harriet Hazel Heather Heidi Heike Helen Helena Helene
Helga Henriette Hilary Hilda Holly Hope Ida Ilona Ilse Imani Ines Inga Ingrid Irene Irina Iris
Isabel Isabella Isabelle Ivana Ivy Jacqueline Jada Jana Jane Janet Janina Janine Jasmin Jeanette
Jelena Jennifer Jessica Jill Joanna Jodie Johanna Josephine Joyce Juana Judith Judy Julia Juliana
Julie Juliette June Justine Karen Karin Karina Karla Katarina Kate Katharina Katherine Kathleen
Katja Kavita Keiko Kerstin Khadija Kirsten Klara Kristin Laila Lara Larissa Laura Lauren Lea Leah
Leila Lena Leona Leonie Lidia Lila Lilian Lilly Lina Linda Lisa Livia Liza Lola Lorena Louisa
Louise Lucia Lucie Lucy Luisa Lydia Lynn Mabel Madeleine Magda Magdalena Mai Manuela Mara Marcela
Marcia Margaret Margarita Margot Maria Mariam Mariana Marianne Marie Marina Marion Marisa Marjorie
Marlene Marta Martha Martina Mary Masako Mathilda Maureen Maya Megan Mei Melanie Melissa Mercedes
Meredith Mia Michaela Michelle Mila Milena Mina Mira Miranda Miriam Moira Mona Monica Monika Muriel
Myra Nadia Nadine Naomi Natalia Natalie Natasha Nicole Nina Nisha Noelia Nora Noreen Norma Nuria
Octavia Olga Olive Olivia Ophelia Paloma Pamela Paola Patricia Paula Paulina Pauline Penelope Petra
Phoebe Pia Pilar Priya Rachel Ramona Raquel Rebecca Regina Renata Renate Rita Roberta Romina Rosa
Rosalie Rose Rosemary Rosie Roxana Ruth Sabina Sabine Sabrina Sally Salma Samantha Sandra Sara
Sarah Saskia Selena Selma Serena Shannon Sharon Shirley Sibylle Sigrid Silke Silvia Simona Sofia
Solange Sonia Sonja Sophia Sophie Stefania Stella Stephanie Sunita Susan Susana Susanne Svea
Svetlana Sylvia Tamara Tamika Tania Tanya Tara Tatiana Teresa Tessa Thea Theresa Tiffany Tina
Ulrike Uma Ursula Valentina Valeria Valerie Vanessa Vera Verena Veronica Victoria Viola Violet
Virginia Vivian Wanda Wendy Winifred Ximena Yasmin Yolanda Yvonne Zahra Zara Zelda Zoe Zofia
"""
_OF_BOTH = """
Alex Andrea Ashley Cameron Camille Chandra Chen Dana Freddie Jaime Jamie Jean Joan Jordan Kay Kelly
Kim Laurence Leslie Lin Marian Michele Mika Ming Morgan Nicola Nikita Robin Rosario Rowan Sam
Sascha Sidney Simone Toni Tracy Yuki
"""
_women = frozenset(_OF_WOMEN.split())
_both = frozenset(_OF_BOTH.split())
WOMENS_NAMES: tuple[str, ...] = tuple(
    name for name in FIRST_NAMES if name in _women or name in _both
)
"""The first names that women have, those that men have as well among them."""
MENS_NAMES: tuple[str, ...] = tuple(name for name in FIRST_NAMES if name not in _women)
"""The first names that men have, those that women have as well among them."""

_STREETS = """
Abbey Acorn Alder Almond Amber Anchor Apple Arbour Ash Aspen Badger Bakers Barley Basin Beacon
Beech Bell Birch Blackbird Bluebell Boundary Bramble Brewery Briar Bridge Brook Canal Candle
Carpenters Castle Cedar Chapel Cherry Chestnut Church Clay Cliff Clover College Coopers Copper
Coral Corn Cottage Crane Creek Crescent Crown Cypress Dairy Dale Deer Dock Dove Eagle East Elder
Elm Falcon Farm Fern Ferry Field Fir Flint Forest Forge Foundry Fountain Fox Garden Gate Glade
Glass Granary Grange Granite Grove Gull Harbour Harvest Hawthorn Hazel Heath Heather Hedge Heron
High Hill Holly Hop Ivy Jasmine Juniper Kiln King Kingfisher Lake Larch Lark Laurel Lavender Lily
Lime Linden Long Maple Market Marsh Mason Meadow Mill Mint Mulberry Myrtle Nettle New North
Nutmeg Oak Olive Orchard Otter Palm Park Pearl Pebble Pine Plum Pond Poplar Potters Primrose
Quarry Quay Queen Raven Reed Ridge River Robin Rose Rowan Saddlers Saffron Sage Sand School
Shepherds Silver Slate South Spring Spruce Station Stone Stream Summer Sun Swallow Swan Sycamore
Tailors Tanner Thistle Thorn Tower Valley Vine Violet Walnut Water Weavers Well West Wharf Wheat
Willow Windmill Winter Wood Wren Yew
"""
_WAYS = "Avenue Close Court Crescent Drive Gardens Grove Lane Place Road Row Square Street Walk Way"
STREETS: tuple[str, ...] = tuple(
    f"{name} {way}" for name in _STREETS.split() for way in _WAYS.split() if name != way
)
"""Streets, without a number."""

_TOWN_BEGINS = """
Al Ash Barn Bel Birch Black Brad Bram Brent Brook Burn Carl Chal Clay Cold Crow Dal Den Dun East
Elm Fair Farn Fen Fox Glen Gold Green Hal Ham Hart Hazel High Hol Kel Kirk Lang Leigh Lin Long Mal
Mar May Mel Mid Mill Mor New Nor Oak Old Orm Over Pem Pen Pres Quarn Ral Red Rock Roth Row Sal Sand
Sea Sel Shel Silver Stan Stock Sun Sut Swan Thorn Tin Upper Wal War Wel West Whit Wil Win Wood Wy
"""
_TOWN_ENDS = """
beck borough bourne bridge burn bury by cliffe combe cott dale den field ford grove ham haven holme
hurst ington leigh ley low mere minster mouth port ridge shaw side stead stoke thorpe ton well wick
wood worth
"""
TOWNS: tuple[str, ...] = tuple(
    begin + end
    for begin in _TOWN_BEGINS.split()
    for end in _TOWN_ENDS.split()
    # Neither one word twice, as in Woodwood, nor one letter on both sides of the seam.
    if begin.lower() != end and begin[-1] != end[0]
)
"""Towns put together of two syllables; some of them happen to be one."""


def _entries(text: str) -> list[str]:
    """What the ends of lines and semicolons separate."""
    return [entry.strip() for line in text.strip().splitlines() for entry in line.split(";")]


_STATES = """
AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut
DE Delaware; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana; IA Iowa
KS Kansas; KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan
MN Minnesota; MS Mississippi; MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire
NJ New Jersey; NM New Mexico; NY New York; NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma
OR Oregon; PA Pennsylvania; RI Rhode Island; SC South Carolina; SD South Dakota; TN Tennessee
TX Texas; UT Utah; VT Vermont; VA Virginia; WA Washington; WV West Virginia; WI Wisconsin
WY Wyoming
"""
STATES: tuple[tuple[str, str], ...] = tuple((entry[:2], entry[3:]) for entry in _entries(_STATES))
"""The codes and the names of the states of the USA."""

_TRADES = """
Analytics Bakeries Brewing Builders Catering Chemicals Consulting Design Electronics Energy
Engineering Farms Finance Foods Freight Furniture Glass Health Hotels Insurance Interiors
Laboratories Logistics Machinery Marine Media Metals Motors Optics Packaging Paper Pharma Plastics
Printing Publishing Research Robotics Security Shipping Software Steel Studios Supplies Systems
Technologies Textiles Timber Tools Transport Travel
"""
COMPANY_ENDS: tuple[str, ...] = tuple(
    f" {end}"
    for end in (
        *_TRADES.split(),
        *(f"{trade} {form}" for trade in _TRADES.split() for form in ("Ltd", "Inc", "Group")),
        *("& Co", "& Partners", "& Sons", "& Daughters", "Brothers", "Holdings", "Associates"),
    )
)
"""What stands behind a name to make it a company's."""

_JOBS = """
Actor; Animal Keeper; Archaeologist; Baker; Barber; Bartender; Beekeeper; Bookbinder; Bookseller
Botanist; Brewer; Bricklayer; Bus Driver; Butcher; Cabinet Maker; Carpenter; Cashier; Chimney Sweep
Choreographer; Cleaner; Clockmaker; Composer; Concierge; Conductor; Cook; Courier; Crane Operator
Dancer; Dental Hygienist; Dentist; Dietitian; Diver; Ecologist; Electrician; Farmer; Film Director
Firefighter; Fisher; Fitness Trainer; Flight Attendant; Florist; Forester; Gardener; Geographer
Glazier; Goldsmith; Hairdresser; Historian; Hotel Porter; House Painter; Interpreter; Jeweller
Joiner; Journalist; Judge; Landscape Gardener; Lecturer; Librarian; Lifeguard; Locksmith
Machine Operator; Mathematician; Mechanic; Meteorologist; Midwife; Miller; Miner; Musician; Notary
Novelist; Nursery Teacher; Optician; Paramedic; Park Ranger; Pastry Chef; Pharmacist; Photographer
Physician; Physiotherapist; Pilot; Plasterer; Plumber; Police Officer; Postal Worker; Potter
Primary School Teacher; Printer; Psychologist; Radiographer; Real Estate Agent; Receptionist
Roofer; Sailor; Sculptor; Seamstress; Security Guard; Ship Captain; Shoemaker; Social Worker
Sound Engineer; Stonemason; Surgeon; Surveyor; Tailor; Tax Adviser; Taxi Driver; Tour Guide
Train Driver; Translator; Travel Agent; Truck Driver; Upholsterer; Veterinarian; Violin Maker
Waiter; Warehouse Worker; Watchmaker; Weaver; Welder; Window Cleaner; Winemaker; Zoologist
"""
_RANKED_JOBS = """
Accountant; Account Manager; Actuary; Administrator; Analyst; Architect; Auditor; Biologist; Buyer
Chemist; Civil Engineer; Consultant; Copywriter; Data Engineer; Data Scientist; Designer; Developer
Economist; Editor; Electrical Engineer; Engineer; Financial Analyst; Geologist; Graphic Designer
HR Manager; Inspector; Laboratory Technician; Lawyer; Marketing Manager; Mechanical Engineer; Nurse
Office Manager; Paralegal; Physicist; Planner; Product Manager; Programmer; Project Manager
Purchasing Manager; Quality Manager; Recruiter; Researcher; Sales Manager; Scientist
Security Engineer; Software Engineer; Statistician; Support Engineer; Systems Engineer; Technician
Test Engineer; Trainer; Underwriter; Web Developer
"""
JOBS: tuple[str, ...] = (
    *_entries(_JOBS),
    *(rank + job for rank in ("", "Junior ", "Senior ", "Lead ") for job in _entries(_RANKED_JOBS)),
)
