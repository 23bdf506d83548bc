"""The words of columns' and tables' names that tell of persons, and of what is none.

A word stands without spaces and accents, in lower case. English comes first, then what is common
in German, French, Spanish and Portuguese.
"""

from __future__ import annotations

from replicate.scan.findings import Category

_C = Category


def word_set(text: str) -> frozenset[str]:
    """The words of a text that is laid out to be read."""
    return frozenset(text.split())


_STRENGTHS: tuple[tuple[Category, float, str], ...] = (
    (
        _C.EMAIL,
        0.8,
        """
        email emails emailaddress emailaddr mailaddress mailadresse emailadresse courriel
        correoelectronico useremail emailid
        """,
    ),
    (_C.EMAIL, 0.6, "mail correo"),
    (
        _C.PHONE,
        0.75,
        """
        phone phones phonenumber phonenumbers phoneno tel telno telnr telephone telephonenumber
        telefon telefonnummer telefonnr telefono telefone mobilephone mobilenumber mobileno
        cellphone cellnumber handynummer mobilnummer rufnummer faxnumber faxno celular msisdn
        whatsapp numerotelefono numerotelephone numerotelefone
        """,
    ),
    (_C.PHONE, 0.6, "mobile cell handy fax movil mobil landline festnetz"),
    (
        _C.FIRST_NAME,
        0.8,
        """
        firstname fname givenname givennames forename vorname vornamen prenom primernombre
        christianname middlename primeironome namefirst firstnames
        """,
    ),
    (_C.FIRST_NAME, 0.4, "nombre nombres first middle given"),
    (
        _C.LAST_NAME,
        0.8,
        """
        lastname lname surname familyname nachname familienname nomfamille nomdefamille apellido
        apellidos sobrenome maidenname birthname geburtsname mothersmaidenname namelast
        """,
    ),
    (_C.LAST_NAME, 0.4, "last"),
    (
        _C.FULL_NAME,
        0.75,
        """
        fullname realname legalname contactname customername personname cardholder
        cardholdername nameoncard holdername accountholder recipientname patientname
        employeename nomcomplet nombrecompleto nomecompleto vollername kontoinhaber kundenname
        authorname billingname shippingname ownername emergencycontact nextofkin
        """,
    ),
    (_C.FULL_NAME, 0.5, "displayname recipient author signatory beneficiary spouse"),
    (
        _C.USERNAME,
        0.75,
        """
        username usernames loginname userlogin nickname screenname benutzername nutzername
        nomutilisateur nombreusuario nomeusuario twitterhandle skypeid skypename discordname
        githubuser githublogin accountname
        """,
    ),
    (_C.USERNAME, 0.55, "login nick handle usuario utilisateur benutzer"),
    (
        _C.ADDRESS,
        0.75,
        """
        postaladdress homeaddress billingaddress shippingaddress mailingaddress deliveryaddress
        residentialaddress streetaddressfull fulladdress anschrift postadresse lieferadresse
        rechnungsadresse wohnadresse
        """,
    ),
    (_C.ADDRESS, 0.6, "address addr adresse direccion endereco domicilio domicile residence"),
    (
        _C.STREET,
        0.75,
        """
        street streetaddress streetname strasse addressline addressline1 addressline2 address1
        address2 addr1 addr2 adresse1 adresse2 housenumber houseno hausnummer hausnr calle
        logradouro
        """,
    ),
    (_C.STREET, 0.45, "rue rua str line1 line2"),
    (
        _C.CITY,
        0.62,
        """
        city cityname town wohnort stadt ville ciudad cidade birthplace placeofbirth cityofbirth
        geburtsort
        """,
    ),
    (_C.CITY, 0.4, "ort locality localidad municipio municipality"),
    (
        _C.POSTCODE,
        0.68,
        """
        zip zipcode postcode postalcode plz postleitzahl codepostal codigopostal codigopostale
        zippostal cep
        """,
    ),
    (_C.POSTCODE, 0.4, "postal cp pincode"),
    (
        _C.CARD,
        0.8,
        """
        cardnumber cardno creditcard creditcardnumber creditcardno ccnumber ccnum ccno
        kreditkarte kartennummer kreditkartennummer numerocarte numerotarjeta numerocartao
        debitcard debitcardnumber paymentcard
        """,
    ),
    (_C.CARD, 0.45, "card pan cc tarjeta cartao"),
    (_C.IBAN, 0.85, "iban ibannumber"),
    (
        _C.BANK_ACCOUNT,
        0.65,
        """
        bankaccount bankaccountnumber bankaccountno kontonummer kontonr routingnumber sortcode
        numerocompte numerocuenta numeroconta
        """,
    ),
    (_C.BANK_ACCOUNT, 0.5, "accountnumber accountno acctno"),
    (
        _C.NATIONAL_ID,
        0.8,
        """
        ssn socialsecurity socialsecuritynumber socialsecurityno nationalid nationalidnumber
        nino nationalinsurance nationalinsurancenumber steuerid steuernummer
        steueridentifikationsnummer taxid taxnumber insee numerosecu securitesociale dni
        codicefiscale cpf aadhaar aadhar pesel bsn burgerservicenummer personnummer passport
        passportnumber passportno reisepass ausweisnummer passeport pasaporte passaporte
        driverslicense driverlicense driverslicence driverlicence drivinglicence drivinglicense
        fuehrerscheinnummer sozialversicherungsnummer svnr ahvnummer curp idcard idcardnumber
        """,
    ),
    (_C.NATIONAL_ID, 0.5, "nif nir nie tin licensenumber licencenumber"),
    (
        _C.IP,
        0.75,
        """
        ip ipaddress ipaddr ipadresse ipv4 ipv6 remoteip clientip lastip remoteaddr loginip ips
        ipaddresses
        """,
    ),
    (_C.MAC, 0.75, "macaddress macaddr hwaddr hardwareaddress macadresse"),
    (_C.MAC, 0.45, "mac"),
    (
        _C.SECRET,
        0.75,
        """
        token tokens accesstoken refreshtoken apikey apitoken secret secrets apisecret
        clientsecret secretkey privatekey sessiontoken sessionkey authtoken resettoken
        passwordresettoken totpsecret mfasecret otpsecret jwt bearer credentials webhooksecret
        confirmationtoken cvv cvc cvv2 recoverycode recoverycodes backupcodes accesskey
        signingkey encryptionkey authkey
        """,
    ),
    (_C.SECRET, 0.5, "otp pin cookie sessionid credential"),
    (
        _C.PASSWORD,
        0.85,
        """
        password passwords passwd pwd pwhash pwdhash passwordhash passwordhashed passworddigest
        encryptedpassword hashedpassword passwordsalt kennwort passwort motdepasse contrasena
        senha passphrase userpassword
        """,
    ),
    (_C.PASSWORD, 0.4, "pass salt pw"),
    (
        _C.BIRTH_DATE,
        0.85,
        """
        dob birthdate birthday dateofbirth geburtsdatum geburtstag gebdatum datenaissance
        datedenaissance fechanacimiento fechadenacimiento datanascimento datadenascimento
        birthdt
        """,
    ),
    (
        _C.BIRTH_DATE,
        0.6,
        "born birth bornon nacimiento naissance nascimento birthyear yearofbirth",
    ),
    (
        _C.GEO,
        0.7,
        """
        lat lon lng latitude longitude latlng latlon latlong geolocation gps coordinates coords
        geopoint breitengrad laengengrad latitud longitud gpslocation
        """,
    ),
    (_C.GEO, 0.35, "geo location geom"),
    (
        _C.URL,
        0.5,
        """
        profileurl linkedin linkedinurl facebook facebookurl twitter twitterurl instagram
        personalurl
        """,
    ),
    (_C.URL, 0.3, "homepage website avatar avatarurl photourl"),
    (_C.USER_AGENT, 0.8, "useragent useragents"),
    (_C.USER_AGENT, 0.3, "ua browser"),
    (
        _C.COMPANY,
        0.45,
        "company companyname employer employername firma firmenname entreprise empresa",
    ),
    (
        _C.FREE_TEXT,
        0.45,
        """
        note notes comment comments message remark remarks feedback bio biography aboutme memo
        bemerkung bemerkungen notiz notizen kommentar commentaire notas comentario comentarios
        observaciones mensaje nachricht transcript diagnosis symptoms diagnose
        """,
    ),
)

LEXICON: dict[str, tuple[Category, float]] = {
    word: (category, strength) for category, strength, words in _STRENGTHS for word in words.split()
}
"""What a word, or several without what is between them, tells of the values, and how surely."""

TURNS_AWAY = word_set(
    """
    verified verification verify count counts at on date time datetime timestamp ts id ids type
    types kind status state enabled disabled enable sent optin optout opt subscribed flag template
    templates length len size format preference preferences consent required valid invalid
    confirmed opened clicked bounced provider domain domains limit frequency version class
    category index rank score attempts expires expiry expiration updated created changed subject
    language lang locale label ext extension color policy method rule rules width height reset
    zone timezone mode level lookup used usage name names title weight quota total ttl scope
    scopes prefix country channel interval config settings setting hint strength field column
    schema unit units group tax rate price fee ms seconds bytes mb
    """
)
"""Behind a telling word these say that the value is another one: ``email_verified``."""

ASKS = word_set(
    """
    is has had was can may should allow allows require requires needs num number count total max
    min avg sum days hours enable disable use uses show hide send receive notify no
    """
)
"""In front of a telling word these say the same: ``is_email``."""

KEEPS = word_set(
    """
    number no nr num nummer numero address addr value text raw old new current primary secondary
    home work office private business billing shipping delivery plain encrypted enc normalized
    normalised lower canonical full hash hashed digest de du da field str list backup alt
    alternative main other info masked string of and or
    """
)
"""Behind a telling word these change nothing: ``phone_work``."""

PERSONS = word_set(
    """
    user users customer customers client clients person persons people employee employees staff
    member members patient patients contact contacts subscriber subscribers student students
    teacher teachers driver drivers guest guests visitor visitors applicant applicants candidate
    candidates lead leads author authors profile profiles recipient recipients passenger
    passengers donor donors buyer buyers kunde kunden benutzer nutzer mitarbeiter mitglied
    mitglieder patienten schueler personne personnes utilisateur utilisateurs employes cliente
    clientes usuario usuarios empleado empleados persona personas pessoa pessoas funcionario
    funcionarios tenant resident residents owner owners sender manager spouse cardholder holder
    billing shipping attendee attendees player players doctor doctors insured beneficiary ship
    bill account accounts
    """
)
"""What a table of persons is called, and whom a column may be about."""

THINGS = word_set(
    """
    product products item items warehouse warehouses store stores branch branches shop file files
    plan plans category categories server servers host hosts build builds release releases country
    countries city cities region regions airport airports station stations brand brands model
    models project projects event events template templates table tables column columns class
    classes device devices feature features currency currencies language languages department
    departments depot depots location locations venue venues hotel hotels package packages image
    images document documents queue queues job jobs metric metrics sensor sensors campaign
    campaigns course courses role roles permission permissions tag tags article articles book
    books movie movies song songs lager filiale filialen produkt produkte artikel produit
    produits magasin entrepot producto productos tienda almacen produto produtos loja schema
    domain network networks deployment deployments service services process carrier bank vendor
    supplier report field page route bucket cluster node group team
    """
)
"""What a table of things is called, whose names and places are no person's."""
